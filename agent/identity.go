package agent

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var identity = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Identity answers who the agent with this data folder is: a random number that was made when the folder was first used.
func Identity(dataDir string) (string, error) {
	name := filepath.Join(dataDir, "identity")
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeIdentity(dataDir, name)
	case err != nil:
		return "", fmt.Errorf("reading the agent's identity: %w", err)
	}
	id := strings.TrimSpace(string(data))
	if !identity.MatchString(id) {
		return "", fmt.Errorf("%s does not hold the agent's identity; remove it to get a new one", name)
	}
	return id, nil
}

// makeIdentity links a finished file into place, so that of two processes that come at once both answer the same.
func makeIdentity(dataDir, name string) (string, error) {
	id, err := randomID()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return "", fmt.Errorf("making the agent's data folder: %w", err)
	}
	tmp := name + "." + id
	if err := writeSynced(tmp, []byte(id+"\n")); err != nil {
		return "", fmt.Errorf("writing the agent's identity: %w", err)
	}
	linking := os.Link(tmp, name)
	if err := os.Remove(tmp); err != nil {
		return "", fmt.Errorf("writing the agent's identity: %w", err)
	}
	if errors.Is(linking, fs.ErrExist) {
		return Identity(dataDir)
	}
	if linking != nil {
		return "", fmt.Errorf("writing the agent's identity: %w", linking)
	}
	return id, syncDir(dataDir)
}

func randomID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("making a random number: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// bootID answers which boot of the host this is, where the system tells.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func writeSynced(name string, data []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	return nil
}
