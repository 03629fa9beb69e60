package agent

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// TestFence has a server fall silent: the job ends before its lease does, and the server hears why when it is back.
func TestFence(t *testing.T) {
	job, witness, _ := counted(t, 100_000)
	d := newDesk(t, job)
	d.fence = 2 * time.Second
	h := newHost(t, d)
	g := h.start(nil)
	d.runs()
	time.Sleep(2 * d.fence) // it is renewed
	d.set(func() { d.deaf = true })
	silent := time.Now()
	for g.agent.Jobs() > 0 {
		if time.Since(silent) > 4*d.fence {
			t.Fatal("the job runs on")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if took := time.Since(silent); took < d.fence/2 || took > d.fence+time.Second {
		t.Errorf("it ended after %s", took)
	}
	d.set(func() { d.deaf = false })
	d.hangUp()
	d.lost(witness, "the server was not heard of for 2s")
}

// TestFencedWithoutAgent has no agent until the lease is over: the machine ended the job by then, and the next agent says so.
func TestFencedWithoutAgent(t *testing.T) {
	job, witness, _ := counted(t, 100_000)
	d := newDesk(t, job)
	d.fence = time.Second
	h := newHost(t, d)
	g := h.start(nil)
	d.runs()
	_ = g.kill()
	g.wait()
	time.Sleep(d.fence + 500*time.Millisecond)
	before, err := os.ReadFile(witness)
	must(t, err)
	h.start(nil)
	d.lost(witness, "lease of the job is over")
	if after, err := os.ReadFile(witness); err != nil || string(after) != string(before) {
		t.Errorf("it began again: %q (%v)", after, err)
	}
}

// TestClockJumpsAhead has the host sleep for longer than the lease: the job ends at the first look, and what comes late does not help.
func TestClockJumpsAhead(t *testing.T) {
	w := testWorker(t)
	now := time.Hour
	w.clock = func() time.Duration { return now }
	j, in := w.newJob(t.Context(), offer(1), plan.Job{Name: "test"})
	t.Cleanup(func() { j.drop(nil) })
	w.jobs[j.claim] = j
	j.hold.Accepted()
	w.start(j.claim, now, 10*time.Minute)
	now += 5 * time.Minute
	w.renew(j.claim, now, 10*time.Minute)
	w.renew(j.claim, now-time.Minute, 10*time.Minute) // a Pong that was overtaken
	now += 9 * time.Minute
	if pause := w.fence(); pause != 30*time.Second || in.hard.Err() != nil || !j.mayBegin() {
		t.Errorf("the lease is over in %s; %v", pause, in.hard.Err())
	}
	now += 8 * time.Hour
	if j.mayBegin() {
		t.Error("a process may begin")
	}
	w.fence()
	w.renew(j.claim, now, 10*time.Minute)
	if why := context.Cause(in.hard); why == nil || why.Error() != "the server was not heard of for 10m" || j.mayBegin() {
		t.Errorf("it ended with %v", why)
	}
	if j.lease() > now {
		t.Error("its lease was renewed")
	}
}

// TestLateOffer has offers come again, late.
func TestLateOffer(t *testing.T) {
	var e epochs
	for _, each := range []struct {
		run, epoch int64
		want       bool
	}{{1, 1, true}, {1, 1, false}, {1, 3, true}, {1, 2, false}, {2, 1, true}} {
		if got := e.next(wire.Claim{Run: each.run, Job: "test", Epoch: each.epoch}); got != each.want {
			t.Errorf("%+v: %v", each, got)
		}
	}
	for run := range int64(2 * maxEpochs) {
		e.next(claim(run + 10))
	}
	if len(e.last) > maxEpochs || len(e.names) > maxEpochs {
		t.Errorf("it remembers %d", len(e.last))
	}
}

// TestEarlierTryStillEnds declines a job while an earlier try at it has not ended here.
func TestEarlierTryStillEnds(t *testing.T) {
	w := testWorker(t)
	w.settings.Capacity = 5
	w.health.set(&w.health.why, nil)
	j, _ := w.newJob(t.Context(), offer(1), plan.Job{Name: "test"})
	t.Cleanup(func() { j.drop(nil) })
	w.jobs[j.claim] = j
	later := j.claim
	later.Epoch++
	if err := w.refusal(later); err == nil || !strings.Contains(err.Error(), "earlier try") {
		t.Errorf("it answers %v", err)
	}
	j.isOver()
	if err := w.refusal(later); err != nil {
		t.Errorf("after its end it answers %v", err)
	}
}
