package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const lockPatience = time.Second

// ErrInUse says that another agent has the data folder.
var ErrInUse = errors.New("in use by another agent")

// lock makes sure that no other process uses the data folder, and says whose it is. The kernel unlocks for a process that dies.
func lock(dataDir string) (unlock func() error, err error) {
	file, err := os.OpenFile(lockPath(dataDir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the agent's data folder: %w", err)
	}
	// Who only asks whose the folder is holds the lock for a moment, and an agent that hands over is about to end.
	for late := time.Now().Add(lockPatience); ; time.Sleep(10 * time.Millisecond) {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(late) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("the data folder %s is %w", dataDir, ErrInUse)
	}
	if err == nil {
		// Always the same length: what is there already takes no space, so that a full disk cannot refuse it.
		_, err = file.WriteAt(fmt.Appendf(nil, "%10d\n", os.Getpid()), 0)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}

func lockPath(dataDir string) string { return filepath.Join(dataDir, "lock") }

// HolderOf answers the process that uses a data folder. If there is none, or it cannot be told, the error says so in a sentence.
func HolderOf(dataDir string) (pid int, err error) {
	none := fmt.Errorf("no agent runs on the data folder %s", dataDir)
	file, err := os.Open(lockPath(dataDir))
	if errors.Is(err, os.ErrNotExist) {
		return 0, none
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the agent of a data folder: %w", err)
	}
	defer file.Close() // it is only read
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	switch {
	case err == nil:
		return 0, none
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return 0, fmt.Errorf("looking for the agent of the data folder %s: %w", dataDir, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, 64))
	if err == nil {
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("an agent runs on the data folder %s, but %s does not say which process it is", dataDir, lockPath(dataDir))
	}
	return pid, nil
}
