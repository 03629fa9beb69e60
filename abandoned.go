package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/agent"
	"github.com/tutti-ci/tutti/executor/docker"
)

// runFolder is what the names of the folders of local runs begin with; engineFolder is the engine's, in an agent's.
const (
	runFolder    = "tutti-run-"
	engineFolder = "docker"
)

// sweepAbandoned removes what local runs left that were killed, or could not remove it themselves: their folders in dir, what they made
// on Docker, and what their agents kept in memory. A run that still lives holds the lock of its folder, and is left alone; so is what
// cannot be looked at, which may be another user's.
func sweepAbandoned(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, abandonedLimit)
	defer cancel()
	folders, err := filepath.Glob(filepath.Join(dir, runFolder+"*"))
	if err != nil {
		return fmt.Errorf("looking for what killed runs left: %w", err)
	}
	var errs []error
	for _, folder := range folders {
		if err := sweepRun(ctx, folder); err != nil {
			errs = append(errs, fmt.Errorf("removing what an earlier run left in %s: %w", folder, err))
		}
	}
	return errors.Join(errs...)
}

func sweepRun(ctx context.Context, folder string) error {
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil // it is another user's
	case errors.Is(err, fs.ErrNotExist):
		return sweepBare(folder)
	case err != nil:
		return err
	}
	defer lock.Close() // nothing is written
	if errors.Is(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
		return nil // it lives
	}
	info, err := lock.Stat()
	if err != nil {
		return err
	}
	if time.Since(info.ModTime()) < abandonedAfter {
		return nil // its owner may be about to take the lock
	}
	if err := sweepAgent(ctx, filepath.Join(folder, "agent")); err != nil {
		return err
	}
	return os.RemoveAll(folder)
}

// sweepBare removes the folder of a run that was killed before it took the lock: it made nothing else by then.
func sweepBare(folder string) error {
	info, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its owner ended
	}
	if err != nil || time.Since(info.ModTime()) < bareAfter {
		return err
	}
	return os.RemoveAll(folder)
}

// bareAfter is far more than a run needs to take its snapshot, of however large a tree.
const bareAfter = 6 * time.Hour

// abandonedLimit is how long a new run waits for the removal of what old ones left. Docker may never come to the end of it.
const abandonedLimit = time.Minute

// abandonedAfter is far more than a run needs between making its folder and taking the lock in it.
const abandonedAfter = 5 * time.Second

// sweepAgent removes what the agent of a killed run made on Docker and kept in memory, if it came so far.
func sweepAgent(ctx context.Context, data string) error {
	text, err := os.ReadFile(filepath.Join(data, "identity"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	id := strings.TrimSpace(string(text))
	engine, err := docker.New(docker.Config{DataDir: filepath.Join(data, engineFolder), AgentID: id})
	if err != nil {
		return err
	}
	return errors.Join(agent.DropSecrets(id), engine.Sweep(ctx, nil), engine.Close())
}
