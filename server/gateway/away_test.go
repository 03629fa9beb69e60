package gateway_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/gateway"
)

// readOnly is a store that cannot be written at times.
type readOnly struct {
	gateway.Jobs
	full  atomic.Bool
	tries atomic.Int64
}

func (r *readOnly) check() error {
	if r.full.Load() {
		r.tries.Add(1)
		return server.Errorf(server.Unavailable, "the disk of the database is full")
	}
	return nil
}

func (r *readOnly) Accept(ctx context.Context, c server.Claim, fence time.Duration) error {
	if err := r.check(); err != nil {
		return err
	}
	return r.Jobs.Accept(ctx, c, fence)
}

func (r *readOnly) Report(ctx context.Context, agent server.AgentID, report server.JobReport) error {
	if err := r.check(); err != nil {
		return err
	}
	return r.Jobs.Report(ctx, agent, report)
}

// TestFullDatabase has the database refuse every write for a while: the session lasts, the lease is renewed, nothing is acknowledged, and
// what was said is stored later.
func TestFullDatabase(t *testing.T) {
	db := new(readOnly)
	h := open(t, t.TempDir(), 0, func(g *gateway.Gateway) {
		db.Jobs = g.Jobs
		g.Jobs = db
	})
	id := h.start("true")
	p := h.puppet(t)
	var offer wire.Offer
	p.await(wire.KindOffer, &offer)
	claim := offer.Claim
	db.full.Store(true)
	must(t, p.control.Send(wire.Accept{Claim: claim}))
	must(t, p.control.Send(wire.Accept{Claim: claim})) // it says so until it hears a Start
	p.ping(1, claim)
	db.full.Store(false)
	p.await(wire.KindStart, &p.start)
	db.full.Store(true)
	running := []wire.ActivityReport{{Name: "a0", State: plan.Running}}
	done := []wire.ActivityReport{{Name: "a0", State: plan.Done, Result: plan.Passed}}
	must(t, p.control.Send(wire.Report{Claim: claim, Revision: 1, Phase: wire.PhaseRunning, Activities: running}))
	must(t, p.control.Send(wire.Report{Claim: claim, Revision: 2, Phase: wire.PhaseRunning, Activities: done}))
	must(t, p.control.Send(wire.Report{Claim: claim, Revision: 3, Phase: wire.PhaseFinished, Activities: done, Result: plan.Passed}))
	before := db.tries.Load()
	for n := range int64(20) {
		if d := p.ping(n+2, claim).Jobs[0]; d.Valid == 0 || d.Stale {
			t.Fatalf("the lease is %+v", d)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if tries := db.tries.Load() - before; tries > 10 {
		t.Errorf("the store was asked %d times in a second", tries)
	}
	db.full.Store(false)
	var said wire.Reported
	if p.await(wire.KindReported, &said); said.Revision != 3 || !said.Final {
		t.Errorf("the answer is %+v", said)
	}
	if run := h.until(id, "done", isDone); run.Result != plan.Passed {
		t.Errorf("the run ended %s", run.Result)
	}
}

// deaf is a store that cannot even be read at times.
type deaf struct {
	gateway.Jobs
	down atomic.Bool
}

func (d *deaf) HeldJobs(ctx context.Context, agent server.AgentID) ([]server.HeldJob, error) {
	if d.down.Load() {
		return nil, server.Errorf(server.Unavailable, "the database cannot be read")
	}
	return d.Jobs.HeldJobs(ctx, agent)
}

// TestUnreadableDatabase has the database unreadable: leases are renewed all the same, and who comes anew is sent away for a moment.
func TestUnreadableDatabase(t *testing.T) {
	db := new(deaf)
	h := open(t, t.TempDir(), 0, func(g *gateway.Gateway) {
		db.Jobs = g.Jobs
		g.Jobs = db
	})
	h.start("true")
	p := h.puppet(t)
	claim := p.run()
	db.down.Store(true)
	pong := p.ping(1, claim, wire.Claim{Run: 99, Job: "other", Epoch: 1})
	if len(pong.Jobs) != 1 || pong.Jobs[0].Claim != claim || pong.Jobs[0].Valid == 0 || pong.Jobs[0].Stale {
		t.Errorf("the answer is %+v", pong)
	}
	_, e := h.call(t, hello("another"))
	if no := refused(t, e); no.RetryAfter <= 0 || !strings.Contains(no.Reason, "database") {
		t.Errorf("who comes anew is told %+v", no)
	}
	db.down.Store(false)
	if _, e := h.call(t, hello("another")); e.Kind != wire.KindWelcome {
		t.Errorf("the answer is %s", e.Kind)
	}
}
