package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"

	"github.com/tutti-ci/tutti/agent"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
)

// A local run that was killed leaves its folder, its sensitive outputs and its things on Docker; the next one removes them, and
// nothing of one that lives.
func TestKilledRunsAreSweptByTheNextOne(t *testing.T) {
	engine, dir := dockertest.Require(t), t.TempDir()
	make := func(name string) (folder, label, secrets string, lock *os.File) {
		folder = filepath.Join(dir, runFolder+name)
		id, err := agent.Identity(filepath.Join(folder, "agent"))
		if err != nil {
			t.Fatal(err)
		}
		if lock, err = os.Create(filepath.Join(folder, "lock")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = lock.Close() })
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(lock.Name(), old, old); err != nil {
			t.Fatal(err)
		}
		network, err := engine.NetworkCreate(t.Context(), "tutti-abandoned-"+name+"-"+id[:8], network.CreateOptions{Labels: map[string]string{"tutti.agent": id}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = engine.NetworkRemove(context.WithoutCancel(t.Context()), network.ID) }) // it may be gone, as it should
		secrets = filepath.Join("/dev/shm", "tutti-"+id)
		if err := os.Mkdir(secrets, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(secrets) })
		if err := os.WriteFile(filepath.Join(secrets, "1-job-e1"), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		return folder, "tutti.agent=" + id, secrets, lock
	}
	killed, killedLabel, killedSecrets, lock := make("killed")
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	alive, aliveLabel, aliveSecrets, lock := make("alive")
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := sweepAbandoned(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(killed); !os.IsNotExist(err) {
		t.Errorf("the folder of the killed run: %v", err)
	}
	if left := dockertest.Leftovers(t, killedLabel); len(left) > 0 {
		t.Errorf("left of the killed run: %s", strings.Join(left, ", "))
	}
	if _, err := os.Stat(killedSecrets); !os.IsNotExist(err) {
		t.Errorf("the sensitive outputs of the killed run: %v", err)
	}
	if _, err := os.Stat(aliveSecrets); err != nil {
		t.Errorf("the sensitive outputs of the living run: %v", err)
	}
	if _, err := os.Stat(alive); err != nil {
		t.Errorf("the folder of the living run: %v", err)
	}
	if left := dockertest.Leftovers(t, aliveLabel); len(left) != 1 {
		t.Errorf("the living run has %d things on Docker, want 1", len(left))
	}
}

// A local run that was killed while it took its snapshot leaves a folder without a lock. One that takes its own now looks the same.
func TestKilledSnapshotsAreSwept(t *testing.T) {
	dir := t.TempDir()
	killed, young := filepath.Join(dir, runFolder+"killed"), filepath.Join(dir, runFolder+"young")
	for _, folder := range []string{killed, young} {
		if err := os.MkdirAll(filepath.Join(folder, "tree.git"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-7 * time.Hour)
	if err := os.Chtimes(killed, old, old); err != nil {
		t.Fatal(err)
	}
	if err := sweepAbandoned(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(killed); !os.IsNotExist(err) {
		t.Errorf("the folder of the killed run: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the folder of the living run: %v", err)
	}
}
