package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/forge/git"
)

// A libraryCache is where this user's libraries are kept. Several commands may use it at the same time, an editor's among them, so
// each waits for its turn: git's own locks would make the second one fail.
type libraryCache struct {
	dir  string
	repo *git.Libraries
}

// openLibraryCache finds the cache; tests and machines without a home move it with XDG_CACHE_HOME.
func openLibraryCache() (*libraryCache, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("finding the cache for libraries: %w", err)
	}
	dir := filepath.Join(base, "tutti", "libraries")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the cache for libraries: %w", err)
	}
	return &libraryCache{dir, &git.Libraries{Mirrors: &git.Mirrors{Dir: dir, Log: slog.New(slog.DiscardHandler)}}}, nil
}

// Commit is git.Libraries's, in turn.
func (c *libraryCache) Commit(ctx context.Context, url, version string) (commit string, err error) {
	err = c.inTurn(ctx, func() error {
		commit, err = c.repo.Commit(ctx, url, version)
		return err
	})
	return commit, err
}

// Tree is git.Libraries's, in turn.
func (c *libraryCache) Tree(ctx context.Context, url, commit string) (files []server.TreeFile, err error) {
	err = c.inTurn(ctx, func() error {
		files, err = c.repo.Tree(ctx, url, commit)
		return err
	})
	return files, err
}

// Contents is git.Libraries's, in turn.
func (c *libraryCache) Contents(ctx context.Context, url, commit string, paths []string, limit int64) (files map[string][]byte, err error) {
	err = c.inTurn(ctx, func() error {
		files, err = c.repo.Contents(ctx, url, commit, paths, limit)
		return err
	})
	return files, err
}

// turnEvery is how often a command that waits looks whether it is its turn.
const turnEvery = 50 * time.Millisecond

// inTurn does something while no other command uses the cache.
func (c *libraryCache) inTurn(ctx context.Context, do func() error) (err error) {
	lock, err := os.OpenFile(filepath.Join(c.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the cache for libraries: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which gives the lock back
	ticker := time.NewTicker(turnEvery)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return do()
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("locking the cache for libraries: %w", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for another command that fetches libraries: %w", ctx.Err())
		}
	}
}
