package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/tutti-ci/tutti/server"
)

// lockFolder takes the data folder for this process until the file is closed, which the kernel does for a process that
// dies. SQLite's own locks would let a second server in between two transactions.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking data folder: %w", err)
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func lockFile(f *os.File) error {
	dir := filepath.Dir(f.Name())
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return server.Errorf(server.Conflict, "data folder %s is in use by another tutti%s", dir, holder(f))
	}
	if err != nil {
		return fmt.Errorf("locking data folder %s: %w", dir, err)
	}
	// The number is for people only; the lock itself is the kernel's.
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("locking data folder %s: %w", dir, err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("locking data folder %s: %w", dir, err)
	}
	return nil
}

// Lock takes a data folder for this process, without opening anything in it, until it is unlocked. It answers a Conflict if another
// process has it.
func Lock(dir string) (unlock func() error, err error) {
	f, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}

// Announce writes down where the server that has the folder is reached, for commands on the same host.
func (db *DB) Announce(url string) error {
	text := strconv.Itoa(os.Getpid()) + "\n" + url + "\n"
	if err := errors.Join(db.lock.Truncate(0), writeAt(db.lock, text)); err != nil {
		return fmt.Errorf("writing down where the server is: %w", err)
	}
	return nil
}

// ServerOf answers where the server is reached that has a data folder; empty if none has it, or if it did not say.
func ServerOf(dir string) (url string, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the server of data folder %s: %w", dir, err)
	}
	defer f.Close() // which unlocks it
	// Several may look at the same time, and must not take each other for the server.
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return "", nil
	}
	text, err := io.ReadAll(io.LimitReader(f, 1000))
	if err != nil {
		return "", fmt.Errorf("looking for the server of data folder %s: %w", dir, err)
	}
	_, url, _ = strings.Cut(string(text), "\n")
	return strings.TrimSpace(url), nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// holder names the process that wrote the lock file, as " (pid 7)"; empty if it has not written it yet.
func holder(f *os.File) string {
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0) // the end of the file is what is expected here
	first, _, _ := strings.Cut(string(text[:n]), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
