package gateway

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Presence answers for how long an agent was not heard of, whether it has a connection, and whether people should know: it is
// connected, or should be, and is silent for too long. What was before the server's start counts as if it was heard then.
func (g *Gateway) Presence(id server.AgentID) (heardAgo time.Duration, online, suspect bool) {
	now := g.clock()
	g.mu.Lock()
	s := g.sessions[id]
	last, known := g.heard[id]
	if !known {
		last = g.began
	}
	g.mu.Unlock()
	if s != nil {
		last = s.lastHeard()
	}
	heardAgo = max(0, now-last)
	return heardAgo, s != nil, s != nil && heardAgo >= g.Terms.OrDefault().Suspect
}

// Present notes in stored agents what only the gateway knows of them.
func (g *Gateway) Present(agents []server.Agent) {
	for i := range agents {
		a := &agents[i]
		ago, online, suspect := g.Presence(a.ID)
		if online || len(a.Jobs) > 0 {
			a.HeardAgo = plan.Duration(ago.Truncate(time.Second))
			a.Suspect = suspect || len(a.Jobs) > 0 && ago >= g.Terms.OrDefault().Suspect
		}
	}
}

// Doubts says of each running job whose agent is silent for too long what that means, in words that fit after "waits for: ".
func (g *Gateway) Doubts(ctx context.Context) (map[server.JobRef]string, error) {
	held, err := g.Jobs.AllHeldJobs(ctx)
	if err != nil {
		return nil, err
	}
	var names map[server.AgentID]string
	doubts := make(map[server.JobRef]string)
	for _, h := range held {
		o := g.Terms.Look(standingOf(h), g.clock(), g.heardOf(h.Claim), 0)
		if !o.Suspect {
			continue
		}
		if names == nil {
			if names, err = g.names(ctx); err != nil {
				return nil, err
			}
		}
		doubts[h.Ref()] = fmt.Sprintf("agent %s was last heard of %s ago; the job may still run there, and counts as lost in %s",
			names[h.Agent], roughly(o.Silent), roughly(o.Left))
	}
	return doubts, nil
}

// heardOf answers when the agent that has a job named it last.
func (g *Gateway) heardOf(c server.Claim) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.leases[c]; l != nil {
		return l.heard
	}
	return g.began
}

// roughly is a time for people: "50 s", "9 min", "3 h".
func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// listen notes that the agent said something, and gives it work again if it had none for its silence.
func (s *session) listen() {
	before := s.heard.Swap(int64(s.g.clock()))
	if time.Duration(s.heard.Load()-before) >= s.g.Terms.OrDefault().Suspect {
		s.g.Queue.Wake()
	}
}

func (s *session) lastHeard() time.Duration { return time.Duration(s.heard.Load()) }

// current answers the agent as it is now. One that is silent gets no work: nobody knows whether it would take it.
func (s *session) current() server.Agent {
	silent := s.g.clock() - s.lastHeard()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agent
	if a.Problem == "" && silent >= s.g.Terms.OrDefault().Suspect {
		a.Problem = "it was not heard of for " + roughly(silent)
	}
	return a
}

// tellOffline stores of sessions that they ended, where the store could not be written then.
func (g *Gateway) tellOffline(ctx context.Context) {
	g.mu.Lock()
	unsaid := g.unsaid
	g.unsaid = nil
	g.mu.Unlock()
	for id, number := range unsaid {
		if err := g.Agents.AgentOffline(ctx, id, number); err != nil {
			g.stillOnline(id, number)
		}
	}
}

// forgetAgents forgets when agents were heard of that are gone for long: whoever asks hears that it is even longer.
func (g *Gateway) forgetAgents() {
	now := g.clock()
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.heard, func(_ server.AgentID, last time.Duration) bool { return now-last > agentMemory })
}

// agentMemory is for how long the gateway remembers when an agent that is not connected was heard of.
const agentMemory = 24 * time.Hour

// stillOnline notes that the store does not know that a session ended.
func (g *Gateway) stillOnline(id server.AgentID, number int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unsaid == nil {
		g.unsaid = make(map[server.AgentID]int64)
	}
	g.unsaid[id] = max(number, g.unsaid[id])
}
