package simulator

import (
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// An agent is the agent's process. What is in it is lost with it.
type agent struct {
	h        *host
	w        *world
	instance string
	jobs     []*job
	kept     []*entry
	session  *dialed
	failed   int  // connections since the last welcome
	swept    bool // what earlier processes left and the journal does not name is gone
}

func newAgent(h *host) *agent {
	return &agent{h: h, w: h.w, instance: fmt.Sprintf("%s.%d", h.name, h.starts)}
}

// after has something happen in this process, unless it ends before.
func (a *agent) after(d time.Duration, do func()) {
	a.h.after(d, func() {
		if a.h.agent == a {
			do()
		}
	})
}

// point is a moment at which the agent, or its host, may be killed.
func (a *agent) point(name string) {
	if a.w.calm || !a.w.chance(a.w.manners.points) {
		return
	}
	a.w.say(a.h.name, "at %s…", name)
	a.h.strike()
	panic(killed{})
}

// strike kills the agent, or takes its host's power, for a while.
func (h *host) strike() {
	pause := h.w.between(time.Second, pick(h.w, 20*time.Second, 3*time.Minute, 2*h.w.terms.GiveUp()))
	if h.w.chance(0.4) {
		h.jump()
	}
	if h.w.chance(0.3) {
		h.turnOff()
		h.w.after(pause, h.turnOnAgain)
		return
	}
	h.killAgent()
	h.w.after(pause, h.startAgent)
}

func (h *host) turnOnAgain() {
	if !h.on {
		h.turnOn()
	}
}

// begin starts the process: what the journal holds is taken up, and what it does not hold is removed.
func (a *agent) begin() {
	a.w.say(a.h.name, "the agent starts")
	var names []wire.Claim
	for _, e := range a.h.disk.read() {
		names = append(names, e.claim)
		if e.kept {
			a.kept = append(a.kept, e)
			continue
		}
		a.resume(e)
	}
	a.sweep(names)
	a.watch()
	a.after(a.w.between(100*time.Millisecond, 2*time.Second), a.dial)
}

// sweep removes the rooms that the journal does not name. As long as Docker does not answer the agent has a problem, and says so.
func (a *agent) sweep(names []wire.Claim) {
	if a.h.sick {
		a.after(time.Second, func() { a.sweep(names) })
		return
	}
	for _, r := range slices.Clone(a.h.rooms) {
		if !slices.Contains(names, r.claim) && a.job(r.claim) == nil {
			a.h.remove(r.claim)
		}
	}
	for _, id := range slices.Clone(a.h.spooled) {
		if !slices.Contains(names, id.claim) && a.job(id.claim) == nil {
			a.h.removeFiles(id.claim)
		}
	}
	a.swept = true
}

func (a *agent) problem() string {
	if !a.swept || a.h.sick {
		return "Docker does not answer"
	}
	return ""
}

func (a *agent) job(c wire.Claim) *job {
	for _, j := range a.jobs {
		if j.claim == c {
			return j
		}
	}
	return nil
}

// watch looks at the leases.
func (a *agent) watch() {
	for _, j := range slices.Clone(a.jobs) {
		j.do(j.hold.Tick(a.h.clock()))
	}
	a.after(time.Second, a.watch)
}

// recall takes up a job again whose end the server lost.
func (a *agent) recall(c wire.Claim) {
	i := slices.IndexFunc(a.kept, func(e *entry) bool { return e.claim == c })
	if i < 0 {
		return
	}
	e := a.kept[i]
	a.kept = slices.Delete(a.kept, i, i+1)
	a.h.disk.write(record{kind: "hold", claim: c})
	j := &job{a: a, claim: c, hold: protocol.Recalled(), report: e.report}
	a.jobs = append(a.jobs, j)
	j.conclude(e.report.Result)
}

// isOver says whether an activity has ended.
func isOver(a wire.ActivityReport) bool { return a.State == plan.Done }
