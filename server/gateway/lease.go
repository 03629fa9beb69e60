package gateway

import (
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/server"
)

// A lease is what the gateway remembers of a job that an agent has, so long as the server lasts. The gateway's mutex guards it.
type lease struct {
	// heard is when the agent named the job last, in a Hello, an Accept or a Ping. It is noted before the answer is sent: whatever
	// the agent counts from is earlier.
	heard time.Duration
	// over says that the job is being given up. From then on nothing renews the lease, or another agent might begin the job while
	// this one goes on with it.
	over bool
}

// renew notes that the agent that has the job named it just now. It answers false if that is too late.
func (g *Gateway) renew(c server.Claim) bool {
	now := g.clock()
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lease(c, now)
	if l.over {
		return false
	}
	l.heard = now
	return true
}

// look answers the outlook of a job, and gives its lease up if that is what it says. The first time that an offer is seen counts
// as when it was made.
func (g *Gateway) look(h server.HeldJob, known protocol.Standing) protocol.Outlook {
	now := g.clock()
	g.mu.Lock()
	defer g.mu.Unlock()
	heard := g.began
	if h.Running {
		if l := g.leases[h.Claim]; l != nil {
			heard = l.heard
		}
		o := g.Terms.Look(known, now, heard, heard)
		if o.Move == protocol.Lose {
			g.lease(h.Claim, heard).over = true
		}
		return o
	}
	return g.Terms.Look(known, now, heard, g.lease(h.Claim, now).heard)
}

// lease answers the lease of a claim, which begins now if there is none. The caller holds the lock.
func (g *Gateway) lease(c server.Claim, now time.Duration) *lease {
	l := g.leases[c]
	if l == nil {
		if g.leases == nil {
			g.leases = make(map[server.Claim]*lease)
		}
		l = &lease{heard: now}
		g.leases[c] = l
	}
	return l
}

// forgetLeases forgets those that are not among the held jobs, which were read after a moment.
func (g *Gateway) forgetLeases(held []server.HeldJob, read time.Duration) {
	keep := make(map[server.Claim]bool, len(held))
	for _, h := range held {
		keep[h.Claim] = true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for c, l := range g.leases {
		if !keep[c] && l.heard < read {
			delete(g.leases, c)
		}
	}
}

// standingOf says of a held job how it stands.
func standingOf(h server.HeldJob) protocol.Standing {
	known := protocol.Standing{
		Place: protocol.Offered, Agent: string(h.Agent), Epoch: h.Epoch,
		Cancel: protocol.LevelOf(h.Cancel, h.Hard), Reason: h.Reason, Fence: h.Fence,
	}
	if h.Running {
		known.Place = protocol.Running
	}
	return known
}

// standing says the same of any job.
func standing(j server.JobStanding) protocol.Standing {
	known := protocol.Standing{
		Place: protocol.Free, Agent: string(j.Agent), Epoch: j.Epoch, Floor: j.Floor,
		Cancel: protocol.LevelOf(j.Cancel, j.Hard), Reason: j.Reason, Fence: j.Fence,
	}
	switch {
	case j.Done:
		known.Place = protocol.Done
	case j.Running:
		known.Place = protocol.Running
	case j.Offered:
		known.Place = protocol.Offered
	}
	return known
}
