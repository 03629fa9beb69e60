package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// killedInUnit starts a counted job and kills its agent in the first activity.
func killedInUnit(t *testing.T, lines int) (d *desk, h *host, witness, want string) {
	t.Helper()
	job, witness, want := counted(t, lines)
	d = newDesk(t, job)
	h = newHost(t, d)
	g := h.start(nil)
	d.runs()
	_ = g.kill()
	g.wait()
	return d, h, witness, want
}

// rewrite changes what the journal of a dead agent says.
func (h *host) rewrite(how func(*entry)) {
	h.t.Helper()
	j, _ := reopen(h.t, filepath.Join(h.dir, "journal"))
	for _, e := range j.held {
		how(e)
	}
	must(h.t, j.compact())
	must(h.t, j.close())
}

// lost checks that the job ended as lost for that reason, and that it began only once.
func (d *desk) lost(witness, cause string) {
	d.t.Helper()
	d.until("done", d.isDone)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.report.Result != plan.Lost || !strings.Contains(d.report.Cause, cause) {
		d.t.Errorf("the job is %s: %s", d.report.Result, d.report.Cause)
	}
	if began, err := os.ReadFile(witness); err != nil || string(began) != "unit\n" {
		d.t.Errorf("it began %q (%v)", began, err)
	}
}

func TestRebooted(t *testing.T) {
	d, h, witness, want := killedInUnit(t, 300)
	h.machine.Lose()
	h.rewrite(func(e *entry) { e.Start.Boot = "another" })
	h.start(nil)
	d.lost(witness, "the host was rebooted")
	a := d.report.Activities[0]
	if got := string(d.logs["unit"]); len(got) < 100 || !strings.HasPrefix(want, got) || a.LogSHA256 != "" || a.LogIncomplete == "" {
		t.Errorf("the log has %d bytes; the activity is %+v", len(got), a)
	}
}

// TestContainerIsGone has somebody remove the container while there is no agent.
func TestContainerIsGone(t *testing.T) {
	d, h, witness, _ := killedInUnit(t, 300)
	h.machine.Lose()
	h.start(nil)
	d.lost(witness, "removed by somebody")
}

// TestTicketsAreMissing has the journal lose everything from its tickets on: what ran is not run again.
func TestTicketsAreMissing(t *testing.T) {
	for name, how := range map[string]func(h *host){
		"tickets": func(h *host) { h.rewrite(func(e *entry) { e.Going = nil }) },
		"report":  func(h *host) { h.rewrite(func(e *entry) { e.Going, e.Report = nil, wire.Report{} }) },
		"start":   func(h *host) { h.rewrite(func(e *entry) { e.Going, e.Report, e.Start = nil, wire.Report{}, nil }) },
		"all":     func(h *host) { must(h.t, os.Truncate(filepath.Join(h.dir, "journal"), 0)) },
		"file":    func(h *host) { must(h.t, os.Remove(filepath.Join(h.dir, "journal"))) },
	} {
		t.Run(name, func(t *testing.T) {
			d, h, witness, want := killedInUnit(t, 300)
			how(h)
			g := h.start(nil)
			d.lost(witness, "journal was damaged")
			if got := string(d.logs["unit"]); len(got) < 100 || !strings.HasPrefix(want, got) {
				t.Errorf("the log has %d bytes", len(got))
			}
			g.agent.Cancel()
			g.wait()
			if _, held := reopen(t, filepath.Join(h.dir, "journal")); len(held) > 0 {
				t.Errorf("the journal still holds %+v", held)
			}
		})
	}
}

// TestFlippedJournal flips a byte in each record of a real journal, while the job runs and its agent is dead.
func TestFlippedJournal(t *testing.T) {
	for at := 0; ; at++ {
		d, h, witness, want := killedInUnit(t, 100)
		name := filepath.Join(h.dir, "journal")
		data, err := os.ReadFile(name)
		must(t, err)
		found, end := scanJournal(data)
		if at >= len(found) {
			if at < 4 {
				t.Errorf("there were only %d records", at)
			}
			return
		}
		next := end
		if at+1 < len(found) {
			next = found[at+1].at
		}
		data[(found[at].at+frameHeader+next)/2] ^= 0x10
		must(t, os.WriteFile(name, data, 0o600))
		h.start(nil)
		d.until("done", d.isDone)
		if d.report.Result == plan.Passed {
			d.checkWhole(witness, want)
		} else {
			d.lost(witness, "journal was damaged")
		}
	}
}

// TestCanceledWhileDead cancels a job that runs without an agent.
func TestCanceledWhileDead(t *testing.T) {
	d, h, _, _ := killedInUnit(t, 100_000)
	d.set(func() { d.cancel = "canceled by dana" })
	h.start(nil)
	d.until("done", d.isDone)
	if d.report.Result != plan.Canceled || d.report.Cause != "canceled by dana" {
		t.Errorf("the job is %s: %s", d.report.Result, d.report.Cause)
	}
}

// away is an engine that cannot be reached at first.
type away struct {
	*enginetest.Fake
	left *atomic.Int32
}

func (a away) Adopt(ctx context.Context, spec executor.RoomSpec) (executor.Room, error) {
	if a.left.Add(-1) >= 0 {
		return nil, errors.New("Docker does not answer")
	}
	return a.Fake.Adopt(ctx, spec)
}

// TestEngineIsAway starts an agent before its engine.
func TestEngineIsAway(t *testing.T) {
	d, h, witness, want := killedInUnit(t, 300)
	var left atomic.Int32
	left.Store(2)
	h.engine = func(f *enginetest.Fake) Engine { return away{f, &left} }
	h.start(nil)
	d.until("done", d.isDone)
	d.checkWhole(witness, want)
}

// TestEngineStaysAway has no engine until nothing can run any more.
func TestEngineStaysAway(t *testing.T) {
	job, witness, _ := counted(t, 100_000)
	d := newDesk(t, job)
	d.fence = 2 * time.Second
	h := newHost(t, d)
	g := h.start(nil)
	d.runs()
	_ = g.kill()
	g.wait()
	var left atomic.Int32
	left.Store(1 << 20)
	h.engine = func(f *enginetest.Fake) Engine { return away{f, &left} }
	h.start(nil)
	d.lost(witness, "could not be taken up")
}

// TestAcceptedJobStays kills the agent between its accept and the start.
func TestAcceptedJobStays(t *testing.T) {
	job, witness, want := counted(t, 30)
	d := newDesk(t, job)
	d.mute = true
	h := newHost(t, d)
	g := h.start(nil)
	d.until("accepted", func() bool { return d.place == "running" })
	_ = g.kill()
	g.wait()
	d.set(func() { d.mute = false })
	h.start(nil)
	d.until("done", d.isDone)
	d.checkWhole(witness, want)
	if d.offer.Epoch != 2 {
		t.Errorf("it was offered %d times", d.offer.Epoch-1)
	}
}

// TestKilledBeforeLogsAreThere kills the agent when the job has ended, and its room is gone, but the server has not all of its logs.
func TestKilledBeforeLogsAreThere(t *testing.T) {
	job, witness, want := counted(t, 60)
	d := newDesk(t, job)
	h := newHost(t, d)
	g := h.start(nil)
	d.until("running", func() bool { return len(d.logs["unit"]) > 10 })
	d.set(func() { d.deaf = true })
	for late := time.Now().Add(20 * time.Second); g.agent.Jobs() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("the job does not end")
		}
	}
	_ = g.kill()
	g.wait()
	h.machine.Lose()
	h.rewrite(func(e *entry) { e.Start.Boot = "another" }) // and the host goes down as well
	d.set(func() { d.deaf = false })
	h.start(nil)
	d.until("done", d.isDone)
	d.checkWhole(witness, want)
}

// TestSensitiveOutputStays kills the agent behind an activity with a sensitive output.
func TestSensitiveOutputStays(t *testing.T) {
	if v := openVault(memoryFolder, "test"+t.Name(), slog.New(slog.DiscardHandler)); v.dir == "" {
		t.Skip("there is no memory to keep files in")
	}
	job := plan.Job{Name: "test", Activities: []plan.Activity{
		{Name: "unit", Image: "any", Shell: plan.ShellSh, Script: `printf s3%st cr3 > $TUTTI_OUTPUT/key`,
			Outputs: []plan.Output{{Name: "key", Type: plan.Type{Kind: plan.TypeString}, Sensitive: true}}},
		{Name: "next", Image: "any", Shell: plan.ShellSh, Script: `sleep 1`},
	}}
	d := newDesk(t, job)
	h := newHost(t, d)
	g := h.start(nil)
	d.until("in the second", func() bool { return len(d.report.Activities) > 1 && d.report.Activities[1].State == plan.Running })
	_ = g.kill()
	g.wait()
	if text := h.onDisk(); strings.Contains(text, "s3cr3t") {
		t.Error("the data folder holds it")
	}
	g = h.start(nil)
	d.until("done", d.isDone)
	if got := string(d.report.Activities[0].Outputs["key"]); d.report.Result != plan.Passed || got != `"s3cr3t"` {
		t.Errorf("the job is %s: %s; the output %s", d.report.Result, d.report.Cause, got)
	}
	id := g.agent.now.Load().id
	g.agent.Cancel()
	g.wait()
	if _, err := os.Stat(filepath.Join(memoryFolder, "tutti-"+id)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder in memory is left: %v", err)
	}
}

// onDisk answers all that is in the data folder.
func (h *host) onDisk() string {
	h.t.Helper()
	var text strings.Builder
	must(h.t, filepath.WalkDir(h.dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		text.Write(data)
		return err
	}))
	return text.String()
}

// TestRecalled has a server lose the end of a job, and want it again from an agent that was started since.
func TestRecalled(t *testing.T) {
	job, witness, want := counted(t, 30)
	d := newDesk(t, job)
	h := newHost(t, d)
	g := h.start(nil)
	d.until("done", d.isDone)
	g.agent.Cancel()
	g.wait()
	d.set(func() { d.place, d.report, d.logs, d.recall = "running", wire.Report{}, map[string][]byte{}, true })
	g = h.start(nil)
	d.until("done", d.isDone)
	d.checkWhole(witness, want)
	if len(d.hello.Kept) != 1 || d.hello.Kept[0] != d.offer.Claim {
		t.Errorf("it keeps %v", d.hello.Kept)
	}
	for late := time.Now().Add(10 * time.Second); len(g.agent.now.Load().all()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("the job is not forgotten again")
		}
	}
	if kept := g.agent.now.Load().kept(); len(kept) != 1 {
		t.Errorf("afterwards it keeps %v", kept)
	}
}

// TestKeepIsBounded keeps no more than it may, of neither bytes nor time nor number.
func TestKeepIsBounded(t *testing.T) {
	now := time.Duration(0)
	dir := filepath.Join(t.TempDir(), "kept")
	open := func(boot string) *keep {
		k, err := openKeep(dir, boot, func() time.Duration { return now }, slog.New(slog.DiscardHandler))
		must(t, err)
		return k
	}
	k := open("b1")
	put := func(run int64) {
		now += time.Minute
		logs := filepath.Join(t.TempDir(), "logs")
		must(t, os.MkdirAll(logs, 0o700))
		must(t, os.WriteFile(filepath.Join(logs, "unit.log"), make([]byte, 10<<10), 0o600))
		must(t, k.put(wire.Report{Claim: claim(run), Result: plan.Passed}, logs))
	}
	used := func(c wire.Claim) bool { return c.Run == 1 }
	for run := range int64(10) {
		put(run + 1)
	}
	k.prune(50<<10, used)
	k = open("b1")
	if got := k.claims(); len(got) != 4 || got[0].Run != 10 || got[3].Run != 1 {
		t.Errorf("it keeps %v", got)
	}
	now += keepTime - 8*time.Minute - 30*time.Second
	put(11)
	k.prune(0, used)
	if got := k.claims(); len(got) != 5 {
		t.Errorf("within the time it keeps %v", got)
	}
	now = 0 // the clock of the next boot
	k = open("b2")
	k.prune(0, used)
	if got := k.claims(); len(got) != 5 {
		t.Errorf("after a reboot it keeps %v", got)
	}
	now += keepTime + time.Minute
	k.prune(0, used)
	if got := k.claims(); len(got) != 1 || got[0].Run != 1 {
		t.Errorf("after its time it keeps %v", got)
	}
	none := func(wire.Claim) bool { return false }
	if !k.free(none) || k.free(none) {
		t.Error("it does not give its space back")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("in the folder are %v (%v)", left, err)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "1-test-e1"), 0o700))
	broken, err := json.Marshal(keptJob{Report: wire.Report{Claim: claim(2)}})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "1-test-e1", keptFile), broken, 0o600))
	if got := open("b2").claims(); len(got) > 0 {
		t.Errorf("it takes %v for what it kept", got)
	}
}
