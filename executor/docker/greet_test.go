package docker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/shim"
)

// TestShimIsFasterThanDocker has the shim say Hello just before Docker says that the container runs: by then nobody listens any more,
// which is no reason to lose the container.
func TestShimIsFasterThanDocker(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(folder, "s"), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		greeted, waited := &future[struct{}]{done: make(chan struct{})}, make(chan error, 1)
		go func() {
			c := &box{listener: listener, started: done(struct{}{})}
			waited <- (&room{}).awaitShim(t.Context(), c, greeted)
		}()
		synctest.Wait() // it has heard of Docker
		close(greeted.done)
		if err := <-waited; err != nil {
			t.Errorf("the container is lost: %v", err)
		}
	})
}

// TestShimThatSaysNothing has somebody dial who never says Hello: he is not waited for without end.
func TestShimThatSaysNothing(t *testing.T) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	mute, err := net.DialUnix("unix", nil, listener.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	unix, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	if _, err := firstWord(unix, shim.NewConn(unix), time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("its first word is awaited, and then: %v", err)
	}
}

// deaf answers a room on a Docker engine that is not there.
func deaf(t *testing.T, patience time.Duration) *room {
	e, err := New(Config{Host: "unix://" + filepath.Join(t.TempDir(), "s"), DataDir: t.TempDir(), AgentID: "none", Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return newRoom(t.Context(), e, executor.RoomSpec{Job: plan.Job{Name: "test"}})
}

// TestRejoinWithoutDocker has the shim not come, and Docker not say what became of its container: it may run, so nobody says that
// it is gone.
func TestRejoinWithoutDocker(t *testing.T) {
	r := deaf(t, time.Millisecond)
	c := r.oldBox("left")
	c.greeted = &future[struct{}]{done: make(chan struct{}), err: errors.New("nobody came")}
	close(c.greeted.done)
	r.adopted = map[string]*box{c.name: c}
	ticket, err := ticket{Container: c.name}.write()
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Rejoin(t.Context(), executor.Step{}, executor.Output{}, ticket)
	if _, gone := errors.AsType[*executor.GoneError](err); err == nil || gone {
		t.Errorf("Rejoin answers %v", err)
	}
}

// TestCanceledContainerVanishes has a container go that was to end, and Docker be away: it was canceled, and not lost.
func TestCanceledContainerVanishes(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	canceled := executor.Canceled{Reason: "canceled by dana"}
	cancel(canceled)
	s := &show{room: deaf(t, time.Minute), box: &box{name: "gone"}}
	if err := s.vanished(ctx); !errors.Is(err, canceled) {
		t.Errorf("its cause is %v", err)
	}
}
