package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// counted is a job of two activities that note in a file outside each time that one of them begins, and print numbered lines.
func counted(t *testing.T, lines int) (job plan.Job, witness, want string) {
	t.Helper()
	witness = filepath.Join(t.TempDir(), "witness")
	job.Name = "test"
	for _, name := range []string{"unit", "next"} {
		job.Activities = append(job.Activities, plan.Activity{Name: name, Image: "any", Shell: plan.ShellSh, Script: fmt.Sprintf(
			`echo %s >> %s; i=0; while [ $i -lt %d ]; do i=$((i+1)); echo line $i; [ $((i %% 10)) -gt 0 ] || sleep 0.02; done`, name, witness, lines)})
	}
	var text strings.Builder
	for i := range lines {
		fmt.Fprintf(&text, "line %d\n", i+1)
	}
	return job, witness, text.String()
}

// checkWhole checks that a counted job passed, ran once, and has all of its log.
func (d *desk) checkWhole(witness, want string) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.report.Result != plan.Passed {
		d.t.Errorf("the job is %s: %s", d.report.Result, d.report.Cause)
	}
	for _, name := range []string{"unit", "next"} {
		if got := string(d.logs[name]); got != want {
			d.t.Errorf("the log of %s has %d bytes, not %d", name, len(got), len(want))
		}
	}
	if began, err := os.ReadFile(witness); err != nil || string(began) != "unit\nnext\n" {
		d.t.Errorf("it began %q (%v)", began, err)
	}
}

var points = []string{
	"agent.before_journal_accept", "agent.after_journal_accept", "agent.after_accept_send", "agent.before_ticket", "agent.after_ticket",
	"agent.after_go", "agent.after_exit_before_result", "agent.after_result_before_ack", "agent.during_cleanup",
}

// TestKilledAtEachPoint kills the agent at each point that it names, the first time it is there or the second, and starts another:
// the job runs once, and nobody sees that there ever was another agent.
func TestKilledAtEachPoint(t *testing.T) {
	for _, point := range points {
		for pass := range 2 {
			t.Run(fmt.Sprintf("%s/%d", point, pass+1), func(t *testing.T) {
				t.Parallel()
				job, witness, want := counted(t, 60)
				d := newDesk(t, job)
				h := newHost(t, d)
				var mu sync.Mutex
				left := pass
				first := h.start(func(g *guest, at string) error {
					mu.Lock()
					defer mu.Unlock()
					if at != point {
						return nil
					}
					if left--; left >= 0 {
						return nil
					}
					return g.kill()
				})
				d.until("killed or done", func() bool { return d.isDone() || len(d.banned) > 0 })
				first.agent.Handoff() // if it was not there that often
				first.wait()
				h.start(nil)
				d.until("done", d.isDone)
				d.checkWhole(witness, want)
			})
		}
	}
}

// TestKilledAgainAndAgain kills agents one after the other, at any moment of one job.
func TestKilledAgainAndAgain(t *testing.T) {
	job, witness, want := counted(t, 600)
	d := newDesk(t, job)
	h := newHost(t, d)
	for i := range 8 {
		g := h.start(nil)
		bytes := 300 * (i + 1)
		d.until("further", func() bool { return len(d.logs["unit"])+len(d.logs["next"]) > bytes || d.isDone() })
		time.Sleep(time.Duration(i*7) * time.Millisecond) // any moment will do
		_ = g.kill()
		g.wait()
	}
	h.start(nil)
	d.until("done", d.isDone)
	d.checkWhole(witness, want)
	if !strings.Contains(d.report.Note, "restarted") {
		t.Errorf("its note is %q", d.report.Note)
	}
}

// TestHandoff has one agent end and the next go on.
func TestHandoff(t *testing.T) {
	job, witness, want := counted(t, 300)
	d := newDesk(t, job)
	h := newHost(t, d)
	first := h.start(nil)
	d.runs()
	begin := time.Now()
	first.agent.Handoff()
	first.wait()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the handoff took %s", took)
	}
	h.start(nil)
	d.until("done", d.isDone)
	d.checkWhole(witness, want)
}
