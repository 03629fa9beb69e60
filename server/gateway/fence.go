package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// lease is how long the server waits for an agent that is not heard of.
func (g *Gateway) lease() plan.Duration {
	if g.Fence <= 0 {
		return plan.Duration(DefaultFence)
	}
	return plan.Duration(g.Fence)
}

// fence gives up, until ctx ends, jobs whose agents are away for too long. Time counts from the server's start at the
// earliest: agents cannot be blamed for what it slept through.
func (g *Gateway) fence(ctx context.Context) {
	began := g.now()
	fence := time.Duration(g.lease())
	tick := time.NewTicker(min(max(fence/20, 10*time.Millisecond), 15*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := g.fenceOnce(ctx, began, fence); err != nil && ctx.Err() == nil {
			g.log().Error("jobs of agents that are away cannot be looked after", "error", err)
		}
	}
}

func (g *Gateway) fenceOnce(ctx context.Context, began time.Time, fence time.Duration) error {
	held, err := g.Jobs.AllHeldJobs(ctx)
	if err != nil || len(held) == 0 {
		return err
	}
	names, err := g.names(ctx)
	if err != nil {
		return err
	}
	for _, h := range held {
		away, online := g.away(h.Agent, began)
		limit := fence
		if !h.Running {
			limit = min(fence, wire.OfferTimeout)
		}
		if online || away < limit {
			continue
		}
		why := fmt.Sprintf("agent %s was not heard of for %s", names[h.Agent], plan.Duration(limit))
		g.log().Warn("a job is given up", "run", h.Run, "job", h.Job, "epoch", h.Epoch, "reason", why)
		if err := g.forsake(ctx, h, why); err != nil {
			return err
		}
	}
	return nil
}

// away answers for how long an agent has not been heard of.
func (g *Gateway) away(id server.AgentID, began time.Time) (away time.Duration, online bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sessions[id] != nil {
		return 0, true
	}
	last := began
	if heard, ok := g.heard[id]; ok {
		last = heard
	}
	return g.now().Sub(last), false
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
