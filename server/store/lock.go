package store

import (
	"errors"
	"fmt"
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

// holder names the process that wrote the lock file, as " (pid 7)"; empty if it has not written it yet.
func holder(f *os.File) string {
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0) // the end of the file is what is expected here
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
