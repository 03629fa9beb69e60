package agent_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent"
	"github.com/tutti-ci/tutti/executor"
)

// sick is an engine that cannot work.
type sick struct{}

func (sick) Check(context.Context) error                      { return errors.New("Docker does not answer") }
func (sick) Sweep(context.Context, []executor.RoomSpec) error { return nil }
func (sick) Close() error                                     { return nil }
func (sick) Adopt(context.Context, executor.RoomSpec) (executor.Room, error) {
	return nil, errors.New("Docker does not answer")
}
func (sick) Open(context.Context, executor.RoomSpec) (executor.Room, error) {
	return nil, errors.New("Docker does not answer")
}

func TestIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := agent.Identity(dir)
	if err != nil || len(first) != 32 {
		t.Fatalf("Identity = %q, %v", first, err)
	}
	if second, err := agent.Identity(dir); err != nil || second != first {
		t.Errorf("the second time it is %q (%v), not %q", second, err, first)
	}
	if err := os.WriteFile(filepath.Join(dir, "identity"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := agent.Identity(dir); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a damaged identity answers %v", err)
	}
}

// TestDataDirIsOnesOwn starts two agents on one folder.
func TestDataDirIsOnesOwn(t *testing.T) {
	web := httptest.NewServer(nil)
	defer web.Close()
	dir := t.TempDir()
	run := func(ctx context.Context) error {
		a := &agent.Agent{ServerURL: web.URL, Token: "x", DataDir: dir, Name: "host", Capacity: 1, Version: "test", Engine: sick{}}
		return a.Run(ctx)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- run(ctx) }()
	for late := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Stat(filepath.Join(dir, "journal")); err == nil {
			break
		}
		if time.Now().After(late) {
			t.Fatal("the first agent does not come up")
		}
		time.Sleep(time.Millisecond)
	}
	if err := run(t.Context()); err == nil || !strings.Contains(err.Error(), "in use by another agent") {
		t.Errorf("the second agent ends with %v", err)
	}
	cancel()
	if err := <-first; err != nil {
		t.Errorf("the first agent ends with %v", err)
	}
}
