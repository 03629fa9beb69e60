package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// keepWatch does what time alone brings, until ctx ends.
func (g *Gateway) keepWatch(ctx context.Context) {
	terms := g.Terms.OrDefault()
	tick := time.NewTicker(min(max(min(terms.Fence/20, terms.Suspect/3), 10*time.Millisecond), 15*time.Second))
	defer tick.Stop()
	doubted := make(map[server.RunID]bool)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		g.tellOffline(ctx)
		g.forgetAgents()
		g.clearNotes(ctx)
		g.probeLogs()
		now, err := g.fence(ctx)
		if err != nil && ctx.Err() == nil {
			g.log().Error("jobs of agents that are away cannot be looked after", "error", err)
		}
		if err == nil {
			g.tellDoubts(doubted, now)
			doubted = now
		}
	}
}

// fence gives up jobs whose agents were not heard of for too long. Time counts from the server's start at the earliest: agents cannot
// be blamed for what it slept through. It answers the runs that have jobs whose agents are suspect.
func (g *Gateway) fence(ctx context.Context) (doubted map[server.RunID]bool, err error) {
	read := g.clock()
	held, err := g.Jobs.AllHeldJobs(ctx)
	if err != nil {
		return nil, err
	}
	g.forgetLeases(held, read)
	doubted = make(map[server.RunID]bool)
	var names map[server.AgentID]string
	for _, h := range held {
		if !h.Running && g.holds(h) {
			continue // its session looks after it
		}
		o := g.look(h, standingOf(h))
		if o.Suspect {
			doubted[h.Run] = true
		}
		if o.Move == protocol.Stay {
			continue
		}
		if names == nil {
			if names, err = g.names(ctx); err != nil {
				return nil, err
			}
		}
		why := g.silence(names[h.Agent], h)
		g.log().Warn("a job is given up", "run", h.Run, "job", h.Job, "epoch", h.Epoch, "reason", why)
		if err := g.forsake(ctx, h, why); err != nil {
			return nil, err
		}
	}
	return doubted, nil
}

// silence says why a job is given up.
func (g *Gateway) silence(agent string, h server.HeldJob) string {
	if h.Running {
		return fmt.Sprintf("agent %s was not heard of for %s", agent, plan.Duration(g.Terms.Of(h.Fence).Fence))
	}
	return "agent " + agent + " did not answer"
}

// holds says whether the session of an agent knows of a job.
func (g *Gateway) holds(h server.HeldJob) bool {
	g.mu.Lock()
	s := g.sessions[h.Agent]
	g.mu.Unlock()
	return s != nil && s.grant(h.Claim, func(*grant) {})
}

// forsake ends the claim of an agent that does not have the job, or does not come back with it.
func (g *Gateway) forsake(ctx context.Context, h server.HeldJob, why string) error {
	var err error
	if h.Running {
		err = g.Jobs.Lose(ctx, h.Claim, why)
	} else {
		err = g.Jobs.Return(ctx, h.Claim, why)
	}
	if errors.Is(err, server.ErrStale) {
		return nil // it ended by itself
	}
	if err != nil {
		return away(err)
	}
	g.abandon(h.Claim, why)
	return nil
}

// abandon closes the logs of a job that is given up. If that fails, whoever reads them still sees by the job that nothing more will come.
func (g *Gateway) abandon(c server.Claim, why string) {
	if err := g.Logs.AbandonJob(c.Run, c.Job, c.Epoch, why); err != nil {
		g.log().Error("the logs of a job that was given up cannot be closed", "run", c.Run, "job", c.Job, "error", g.logsFailed(err))
	}
}

// tellDoubts tells of runs that people should see anew: time goes on for those with doubts, and others have none any more.
func (g *Gateway) tellDoubts(before, now map[server.RunID]bool) {
	if g.Changed == nil {
		return
	}
	all := maps.Clone(now)
	maps.Copy(all, before)
	for run := range all {
		g.Changed(run)
	}
}

func (g *Gateway) names(ctx context.Context) (map[server.AgentID]string, error) {
	agents, err := g.Agents.Agents(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[server.AgentID]string, len(agents))
	for _, a := range agents {
		names[a.ID] = a.Name
	}
	return names, nil
}
