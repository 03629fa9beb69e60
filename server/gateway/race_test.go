package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/gateway"
)

// A puppet is an agent that says what a test has it say.
type puppet struct {
	t       *testing.T
	control *wire.Control
	welcome wire.Welcome
	start   wire.Start // the last one
}

// puppet connects, with these jobs.
func (h *house) puppet(t *testing.T, held ...wire.Held) *puppet {
	t.Helper()
	return h.puppetSaying(t, hello("puppet", held...))
}

// hello is what an agent says that has room for one job.
func hello(id string, held ...wire.Held) wire.Hello {
	return wire.Hello{
		MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Agent: id, Instance: "one", Name: id,
		Status: wire.Status{Capacity: 1}, Jobs: held,
	}
}

func (h *house) puppetSaying(t *testing.T, hello wire.Hello) *puppet {
	t.Helper()
	c, err := wire.Dialer{URL: h.url, Token: token}.Control(t.Context())
	must(t, err)
	t.Cleanup(func() { c.Close(wire.CloseNormal, "") })
	p := &puppet{t: t, control: c}
	must(t, c.Send(hello))
	p.await(wire.KindWelcome, &p.welcome)
	return p
}

// await reads the next message, which has to be of this kind.
func (p *puppet) await(kind wire.Kind, m wire.Message) {
	p.t.Helper()
	e, err := p.control.Receive()
	must(p.t, err)
	if e.Kind != kind {
		p.t.Fatalf("the server says %s, not %s", e.Kind, kind)
	}
	must(p.t, e.Into(m))
}

// verdict wants the welcome to have one verdict, on this try.
func (p *puppet) verdict(c wire.Claim, do wire.Do) {
	p.t.Helper()
	if v := p.welcome.Verdicts; len(v) != 1 || v[0].Claim != c || v[0].Do != do {
		p.t.Errorf("the verdicts are %+v", v)
	}
}

// run takes the next job and starts it.
func (p *puppet) run() wire.Claim {
	p.t.Helper()
	var offer wire.Offer
	p.await(wire.KindOffer, &offer)
	must(p.t, p.control.Send(wire.Accept{Claim: offer.Claim}))
	p.await(wire.KindStart, &p.start)
	return offer.Claim
}

// late is a store in which an Accept comes through between an offer's expiry and its return.
type late struct {
	gateway.Jobs
	returning, accepted, returned chan struct{}
	once                          *sync.Once
}

func (l late) Return(ctx context.Context, c server.Claim, why string) error {
	first := false
	l.once.Do(func() { first = true })
	if !first {
		return l.Jobs.Return(ctx, c, why)
	}
	close(l.returning)
	<-l.accepted
	defer close(l.returned)
	return l.Jobs.Return(ctx, c, why)
}

func (l late) Accept(ctx context.Context, c server.Claim, fence time.Duration) error {
	err := l.Jobs.Accept(ctx, c, fence)
	close(l.accepted)
	<-l.returned
	return err
}

// TestAcceptedAtTheLastMoment has an agent accept an offer that is just being taken back.
func TestAcceptedAtTheLastMoment(t *testing.T) {
	l := late{returning: make(chan struct{}), accepted: make(chan struct{}), returned: make(chan struct{}), once: new(sync.Once)}
	var ahead atomic.Int64
	began := time.Now()
	h := open(t, t.TempDir(), 0, func(g *gateway.Gateway) {
		l.Jobs = g.Jobs
		g.Jobs = l
		g.Clock = func() time.Duration { return time.Since(began) + time.Duration(ahead.Load()) }
	})
	id := h.start("true")
	p := h.puppet(t)
	var offer wire.Offer
	p.await(wire.KindOffer, &offer)
	ahead.Store(int64(2 * wire.OfferTimeout))
	h.gateway.Nudge(id)
	<-l.returning
	must(t, p.control.Send(wire.Accept{Claim: offer.Claim}))
	p.await(wire.KindStart, new(wire.Start))
	// The agent has it, and can end it.
	must(t, p.control.Send(wire.Report{Claim: offer.Claim, Revision: 1, Phase: wire.PhaseFinished, Result: plan.Passed,
		Activities: []wire.ActivityReport{{Name: "a0", State: plan.Done, Result: plan.Passed}}}))
	if run := h.until(id, "done", isDone); run.Result != plan.Passed {
		t.Errorf("the run ended %s", run.Result)
	}
}

// TestDeclinedWhileItRuns has an agent give back what it was told to start.
func TestDeclinedWhileItRuns(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	must(t, p.control.Send(wire.Decline{Claim: claim, Reason: "it changed its mind"}))
	if cause := h.lost(id); !strings.Contains(cause, "it changed its mind") {
		t.Errorf("it was lost because %s", cause)
	}
}

// TestOthersOffers has an agent accept and decline what was offered to another one.
func TestOthersOffers(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	id := h.start("true")
	p := h.puppet(t)
	var offer wire.Offer
	p.await(wire.KindOffer, &offer)
	rogue, err := wire.Dialer{URL: h.url, Token: token}.Control(t.Context())
	must(t, err)
	defer rogue.Close(wire.CloseNormal, "")
	must(t, rogue.Send(wire.Hello{MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Agent: "rogue", Name: "rogue"}))
	must(t, rogue.Send(wire.Decline{Claim: offer.Claim, Reason: "x"}))
	must(t, rogue.Send(wire.Accept{Claim: offer.Claim}))
	for _, want := range []wire.Kind{wire.KindWelcome, wire.KindStale} {
		if e, err := rogue.Receive(); err != nil || e.Kind != want {
			t.Fatalf("the answer is %s (%v), not %s", e.Kind, err, want)
		}
	}
	held, err := h.db.AllHeldJobs(t.Context())
	must(t, err)
	if len(held) != 1 || held[0].Run != id || held[0].Agent != "puppet" || held[0].Running {
		t.Errorf("held are %+v", held)
	}
}

// TestManyLogs has a connection serve more logs in its life than it may have open.
func TestManyLogs(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	h.start("true", "true")
	p := h.puppet(t)
	claim := p.run()
	logs, err := wire.Dialer{URL: h.url, Token: token}.Logs(t.Context(), "puppet", p.welcome.Session)
	must(t, err)
	defer logs.Close(wire.CloseNormal, "")
	sum := sha256.Sum256(nil)
	must(t, p.control.Send(wire.Report{Claim: claim, Revision: 1, Phase: wire.PhaseRunning, Activities: []wire.ActivityReport{
		{Name: "a0", State: plan.Done, Result: plan.Passed, LogSHA256: hex.EncodeToString(sum[:])}, {Name: "a1", State: plan.Waiting},
	}}))
	p.await(wire.KindReported, new(wire.Reported))
	for n := range uint32(10_010) {
		must(t, logs.Send(wire.LogOpen{Stream: n + 1, Claim: claim, Activity: "a0"}))
		if _, err := logs.Receive(); err != nil {
			t.Fatalf("log %d: %v", n+1, err)
		}
	}
}
