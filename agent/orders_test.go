package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// TestDrain has the agent end with its last job.
func TestDrain(t *testing.T) {
	job, witness, want := counted(t, 200)
	d := newDesk(t, job)
	h := newHost(t, d)
	g := h.start(nil)
	d.runs()
	if n := g.agent.Jobs(); n != 1 {
		t.Errorf("%d jobs run", n)
	}
	if pid, err := HolderOf(h.dir); err != nil || pid != os.Getpid() {
		t.Errorf("the folder is %d's (%v)", pid, err)
	}
	g.agent.Drain()
	d.until("told", func() bool { return d.status.Capacity == 0 && strings.Contains(d.status.Problem, "drained") })
	g.wait()
	if !d.isDone() {
		t.Error("the agent ended before its job")
	}
	d.checkWhole(witness, want)
	if _, err := HolderOf(h.dir); err == nil || !strings.Contains(err.Error(), "no agent runs") {
		t.Errorf("HolderOf answers %v", err)
	}
}

// TestCancelEndsAll has the agent be stopped while it drains.
func TestCancelEndsAll(t *testing.T) {
	job, witness, _ := counted(t, 100_000)
	d := newDesk(t, job)
	g := newHost(t, d).start(nil)
	d.runs()
	g.agent.Drain()
	g.agent.Cancel()
	g.wait()
	d.lost(witness, "the agent was stopped")
}

// TestReload gives an agent other settings, with a disk that is too full for the first ones.
func TestReload(t *testing.T) {
	job, witness, want := counted(t, 20)
	d := newDesk(t, job)
	h := newHost(t, d)
	h.min = 1 << 60
	g := h.start(nil)
	d.until("refused", func() bool { return strings.Contains(d.status.Problem, "is full") && d.status.Capacity == 0 })
	s := g.agent.settings()
	s.MinFree, s.Labels, s.Capacity, s.Token = 1, []string{"arch=arm64"}, 3, "another"
	d.set(func() { d.place = "done" }) // nothing to give out yet
	g.agent.Reload(s)
	d.until("reloaded", func() bool { return len(d.status.Labels) == 1 && d.status.Problem == "" && d.status.Capacity == 3 })
	if got := g.agent.now.Load().dial().Token; got != "another" {
		t.Errorf("its token is %q", got)
	}
	d.set(func() { d.place = "queued" })
	g.agent.Cancel()
	g.wait()
	h.min = 1
	h.start(nil)
	d.until("done", d.isDone)
	d.checkWhole(witness, want)
}

// ailing is an engine that may be ill.
type ailing struct {
	*enginetest.Fake
	ill *atomic.Bool
}

func (a ailing) Check(context.Context) error {
	if a.ill.Load() {
		return errors.New("docker unhealthy: it does not answer")
	}
	return nil
}

// TestEngineFallsIll has the engine fail while a job runs: that shows, and passes.
func TestEngineFallsIll(t *testing.T) {
	t.Parallel()
	job, _, _ := counted(t, 100_000)
	d := newDesk(t, job)
	h := newHost(t, d)
	var ill atomic.Bool
	h.engine = func(f *enginetest.Fake) Engine { return ailing{f, &ill} }
	h.start(nil)
	d.runs()
	ill.Store(true)
	d.until("ill", func() bool { return strings.HasPrefix(d.status.Problem, "docker unhealthy") && d.status.Capacity == 0 })
	ill.Store(false)
	d.until("well", func() bool { return d.status.Problem == "" && d.status.Capacity == 1 })
	d.set(func() { d.cancel = "enough" })
	d.until("done", d.isDone)
	if d.report.Result != plan.Canceled {
		t.Errorf("the job is %s: %s", d.report.Result, d.report.Cause)
	}
}

// TestFilesAreSwept starts an agent on the folder of one that was killed while it wrote.
func TestFilesAreSwept(t *testing.T) {
	job, _, _ := counted(t, 1)
	d := newDesk(t, job)
	h := newHost(t, d)
	for _, name := range []string{"identity.0123", "journal.tmp", "spool/9-old-e1/unit.log", "workspaces/fetch-1"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(h.dir, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(h.dir, name), []byte("x"), 0o600))
	}
	g := h.start(nil)
	d.until("done", d.isDone)
	g.agent.Cancel()
	g.wait()
	for late := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		var left []string
		must(t, filepath.WalkDir(h.dir, func(name string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && !strings.Contains(name, "/kept/") {
				left = append(left, filepath.Base(name))
			}
			return err
		}))
		if strings.Join(left, " ") == "identity journal lock" {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("in the folder are %v", left)
		}
	}
}
