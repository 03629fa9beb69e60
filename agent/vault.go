package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/tutti-ci/tutti/agent/wire"
)

// memoryFolder is where files are kept in memory, on most Linuxes.
const memoryFolder = "/dev/shm"

// A vault keeps sensitive outputs across the end of the agent's process, without putting them on a disk: in a folder of its own on a
// file system that is in memory. Where there is none it keeps nothing, and a job whose sensitive outputs were not handed over when the
// agent ended is lost.
type vault struct {
	dir string     // empty if there is none; made when it is needed
	mu  sync.Mutex // held by who adds or removes
}

// tmpfs is the type of file systems in memory, see statfs(2).
const tmpfs = 0x01021994

// openVault answers the vault of an agent.
func openVault(parent, id string, log *slog.Logger) *vault {
	dir := filepath.Join(parent, "tutti-"+id)
	err := checkMemory(parent)
	if err == nil {
		if err = checkOwn(dir); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		log.Info("sensitive outputs do not survive a restart of this agent", "reason", err)
		return &vault{}
	}
	return &vault{dir: dir}
}

// checkMemory says why files in a folder may come to a disk, if so.
func checkMemory(dir string) error {
	kind, err := fileSystem(dir)
	if err != nil {
		return fmt.Errorf("looking for memory to keep files in: %w", err)
	}
	if kind != tmpfs {
		return fmt.Errorf("%s is not in memory", dir)
	}
	return nil
}

// checkOwn says why a folder cannot be trusted: anybody may have made one with its name.
func checkOwn(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("looking at the folder in memory: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || !ok || int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not this user's own", dir)
	}
	return nil
}

func (v *vault) path(c wire.Claim) string { return filepath.Join(v.dir, folderOf(c)) }

// secrets are the sensitive outputs of a job, by activity and name.
type secrets map[string]map[string]json.RawMessage

// put keeps the sensitive outputs of a job in the place of those that it kept before.
func (v *vault) put(c wire.Claim, s secrets) error {
	if v.dir == "" {
		return nil
	}
	data, err := json.Marshal(s)
	if err != nil {
		return errors.New("keeping sensitive outputs: they cannot be written") // the error may quote them
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := os.Mkdir(v.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("making a folder in memory: %w", err)
	}
	if err := checkOwn(v.dir); err != nil {
		return err
	}
	tmp := v.path(c) + ".tmp"
	if err = os.WriteFile(tmp, data, 0o600); err == nil {
		err = os.Rename(tmp, v.path(c))
	}
	if err != nil { // what was written of it must not outlive the job
		return errors.Join(fmt.Errorf("keeping sensitive outputs: %w", err), os.RemoveAll(tmp))
	}
	return nil
}

// get answers what is kept of a job, if anything.
func (v *vault) get(c wire.Claim) secrets {
	if v.dir == "" {
		return nil
	}
	data, err := os.ReadFile(v.path(c))
	var s secrets
	if err != nil || json.Unmarshal(data, &s) != nil {
		return nil // whoever misses them says so
	}
	return s
}

// remove drops what is kept of a job.
func (v *vault) remove(c wire.Claim) error {
	if v.dir == "" {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := os.RemoveAll(v.path(c)); err != nil {
		return fmt.Errorf("dropping sensitive outputs: %w", err)
	}
	_ = os.Remove(v.dir) // others may have something in it
	return nil
}

// keepOnly drops what belongs to none of these jobs.
func (v *vault) keepOnly(claims []wire.Claim) error {
	if v.dir == "" || errors.Is(checkOwn(v.dir), os.ErrNotExist) {
		return nil
	}
	err := keepOnly(v.dir, claims)
	_ = os.Remove(v.dir) // others may have something in it
	return err
}

// DropSecrets removes the sensitive outputs that an agent kept which was killed, and will not come again.
func DropSecrets(id string) error {
	dir := filepath.Join(memoryFolder, "tutti-"+id)
	if !identity.MatchString(id) || checkOwn(dir) != nil { // there is none, or it is somebody else's
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("dropping sensitive outputs: %w", err)
	}
	return nil
}
