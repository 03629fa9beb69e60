package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
)

// TestNetworkOfAFullDisk has a job find the network that was begun for it while Docker's disk was full, and that fails only now.
func TestNetworkOfAFullDisk(t *testing.T) {
	activity := plan.Activity{Name: "unit", Image: dockertest.Busybox(t)}
	agent := fmt.Sprintf("%s.%d", t.Name(), os.Getpid()) // see TestMain
	e, err := New(Config{DataDir: t.TempDir(), AgentID: agent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if left := dockertest.Leftovers(t, LabelAgent+"="+agent); len(left) > 0 {
			t.Errorf("left on Docker: %v", left)
		}
	})
	opened, err := e.Open(t.Context(), executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "test", Activities: []plan.Activity{activity}}})
	if err != nil {
		t.Fatal(err)
	}
	r := opened.(*room)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if _, err := r.first.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := &jobNetwork{name: "tutti-late", made: &future[string]{done: make(chan struct{}), err: errors.New("no space left on device")}}
	r.strays = append(r.strays, r.network)
	e.claim(r, late)
	go func() { // it fails while its container is there already
		defer close(late.made.done)
		for made := 0; made < 2 && t.Context().Err() == nil; time.Sleep(time.Millisecond) {
			r.mu.Lock()
			made = r.count
			r.mu.Unlock()
		}
	}()
	if _, err := r.makeFirst(t.Context(), activity, r.image(activity.Image)); err != nil {
		t.Errorf("the network of before is in the way: %v", err)
	}
}
