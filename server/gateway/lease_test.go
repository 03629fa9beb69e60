package gateway_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/gateway"
)

// A watch is a clock that a test can put forward.
type watch struct {
	began time.Time
	ahead atomic.Int64
}

func newWatch() *watch { return &watch{began: time.Now()} }

func (w *watch) now() time.Duration { return time.Since(w.began) + time.Duration(w.ahead.Load()) }

func (w *watch) forward(d time.Duration) { w.ahead.Add(int64(d)) }

// under has a gateway count time by a watch, and look all the time.
func under(w *watch) func(*gateway.Gateway) {
	return func(g *gateway.Gateway) {
		g.Clock = w.now
		g.Terms = protocol.Terms{Suspect: 200 * time.Millisecond, Fence: time.Hour}
	}
}

func (p *puppet) ping(seq int64, claims ...wire.Claim) wire.Pong {
	p.t.Helper()
	must(p.t, p.control.Send(wire.Ping{Seq: seq, Jobs: claims}))
	var pong wire.Pong
	p.await(wire.KindPong, &pong)
	if pong.Seq != seq {
		p.t.Errorf("ping %d is answered with %d", seq, pong.Seq)
	}
	return pong
}

// TestLease has an agent that is connected say nothing for the whole of its lease, and a little less.
func TestLease(t *testing.T) {
	w := newWatch()
	h := open(t, t.TempDir(), 0, under(w))
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	if want := plan.Duration(time.Hour); p.start.Valid != want || p.welcome.Fence != want {
		t.Errorf("the lease is %s, of a fence of %s", p.start.Valid, p.welcome.Fence)
	}
	// The server waits for longer than the agent may go on.
	giveUp := protocol.Terms{Fence: time.Hour}.GiveUp()
	w.forward(giveUp - time.Minute)
	doubts := h.doubts(id)
	if want := "the job may still run there, and counts as lost in "; !strings.Contains(doubts, want) || !strings.Contains(doubts, "agent puppet was last heard of 61 min ago") {
		t.Errorf("people are told %q", doubts)
	}
	if d := p.ping(1, claim).Jobs[0]; d.Valid != plan.Duration(time.Hour) {
		t.Errorf("the lease was not renewed: %+v", d)
	}
	if doubts := h.doubts(id); doubts != "" {
		t.Errorf("people are told %q of an agent that was just heard", doubts)
	}
	w.forward(giveUp - time.Minute)
	time.Sleep(300 * time.Millisecond) // many looks
	if run, err := h.db.Run(t.Context(), id); err != nil || run.State == plan.Done {
		t.Fatalf("the job was given up too early: %+v (%v)", run, err)
	}
	w.forward(2 * time.Minute)
	if cause := h.lost(id); cause != "agent puppet was not heard of for 1h" {
		t.Errorf("it was lost because %s", cause)
	}
	p.await(wire.KindStale, new(wire.Stale))
	if d := p.ping(2, claim).Jobs[0]; !d.Stale || d.Valid != 0 {
		t.Errorf("the lease of a lost job is %+v", d)
	}
}

// doubts answers what people are told of the job of a run.
func (h *house) doubts(id server.RunID) string {
	h.t.Helper()
	all, err := h.gateway.Doubts(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return all[server.JobRef{Run: id, Job: "test"}]
}

// TestOwnFence has a job whose fence is shorter than the server's, and then a server with other terms.
func TestOwnFence(t *testing.T) {
	dir, w := t.TempDir(), newWatch()
	first := open(t, dir, 0, under(w))
	job := scripted("true")
	job.Fence = plan.Duration(5 * time.Minute)
	short := first.startJob(job)
	p := first.puppet(t)
	claim := p.run()
	if p.start.Valid != job.Fence {
		t.Errorf("the lease is %s", p.start.Valid)
	}
	must(t, p.control.Send(wire.Report{Claim: claim, Revision: 1, Phase: wire.PhaseFinished, Result: plan.Passed,
		Activities: []wire.ActivityReport{{Name: "a0", State: plan.Done, Result: plan.Passed}}}))
	p.await(wire.KindReported, new(wire.Reported))
	first.until(short, "done", isDone)
	long := first.start("true")
	claim = p.run() // for an hour
	first.close()

	// The next server would give a job up after 5 minutes, but this one has an hour.
	w = newWatch()
	second := open(t, dir, 0, under(w), func(g *gateway.Gateway) { g.Terms.Fence = 5 * time.Minute })
	second.gateway.Presence("puppet") // its time has begun
	w.forward(50 * time.Minute)
	time.Sleep(300 * time.Millisecond)
	if run, err := second.db.Run(t.Context(), long); err != nil || run.State == plan.Done {
		t.Errorf("the job was given up before its lease was over: %+v (%v)", run, err)
	}
	if d := second.doubts(long); !strings.Contains(d, "was last heard of 50 min ago") {
		t.Errorf("people are told %q", d)
	}
	p = second.puppet(t, wire.Held{Claim: claim, Phase: wire.PhaseRunning})
	if d := p.ping(1, claim).Jobs[0]; d.Valid != plan.Duration(time.Hour) {
		t.Errorf("the lease is renewed for %s", d.Valid)
	}
}

// slowLoss is a store that takes its time to lose a job.
type slowLoss struct {
	gateway.Jobs
	losing, lose chan struct{}
	once         *sync.Once
}

func (s slowLoss) Lose(ctx context.Context, c server.Claim, cause string) error {
	s.once.Do(func() {
		close(s.losing)
		<-s.lose
	})
	return s.Jobs.Lose(ctx, c, cause)
}

// TestTooLateToRenew has an agent speak at the moment at which its job is given up: it must not go on, because another agent may
// begin the job.
func TestTooLateToRenew(t *testing.T) {
	w := newWatch()
	slow := slowLoss{losing: make(chan struct{}), lose: make(chan struct{}), once: new(sync.Once)}
	h := open(t, t.TempDir(), 0, under(w), func(g *gateway.Gateway) {
		slow.Jobs = g.Jobs
		g.Jobs = slow
	})
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	w.forward(24 * time.Hour)
	<-slow.losing
	if d := p.ping(1, claim).Jobs[0]; d.Valid != 0 {
		t.Errorf("the job is given up, and its lease renewed for %s", d.Valid)
	}
	again := h.puppet(t, wire.Held{Claim: claim, Phase: wire.PhaseRunning})
	again.verdict(claim, wire.DoDiscard)
	close(slow.lose)
	h.lost(id)
}

// TestSilentAgent has an agent that is connected and silent shown as such, and given no work.
func TestSilentAgent(t *testing.T) {
	w := newWatch()
	h := open(t, t.TempDir(), 0, under(w))
	p := h.puppet(t)
	w.forward(time.Minute)
	if ago, online, suspect := h.gateway.Presence("puppet"); ago < time.Minute || !online || !suspect {
		t.Errorf("it is %v, %t, %t", ago, online, suspect)
	}
	agents := []server.Agent{{ID: "puppet", Jobs: []server.JobRef{{}}}, {ID: "other"}}
	if h.gateway.Present(agents); !agents[0].Suspect || agents[0].HeardAgo < plan.Duration(time.Minute) || agents[1].Suspect {
		t.Errorf("people see %+v", agents)
	}
	h.start("true")
	time.Sleep(100 * time.Millisecond)
	if held, err := h.db.AllHeldJobs(t.Context()); err != nil || len(held) != 0 {
		t.Errorf("it was given %+v (%v)", held, err)
	}
	must(t, p.control.Send(wire.Ping{Seq: 1})) // it is back
	p.await(wire.KindPong, new(wire.Pong))
	p.run()
}

// TestWallClock has the date of the server jump by years: no lease is over for that.
func TestWallClock(t *testing.T) {
	w := newWatch()
	h := open(t, t.TempDir(), 0, under(w), func(g *gateway.Gateway) {
		flip := new(atomic.Int64)
		g.Now = func() time.Time { return time.Now().AddDate(int(flip.Add(20)%40)-20, 0, 0) }
	})
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	for n := range int64(5) {
		time.Sleep(50 * time.Millisecond)
		if d := p.ping(n+1, claim).Jobs[0]; d.Stale || d.Valid == 0 {
			t.Fatalf("the lease is %+v", d)
		}
	}
	if run, err := h.db.Run(t.Context(), id); err != nil || run.State != plan.Running {
		t.Errorf("the run is %s (%v)", run.State, err)
	}
}
