package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// noteLasts is for how long a conflict about an identity is shown after it was seen last.
const noteLasts = 5 * time.Minute

// agentOf is the agent as its Hello describes it.
func agentOf(hello wire.Hello) server.Agent {
	return server.Agent{
		ID: server.AgentID(hello.Agent), Name: hello.Name, Version: hello.Version, OS: hello.OS, Arch: hello.Arch,
		Labels: hello.Labels, Capacity: hello.Capacity, Problem: hello.Problem,
	}
}

// callerOf is who uses the identity, in words with the address that the connection comes from.
func callerOf(hello wire.Hello, r *http.Request) protocol.Caller {
	return protocol.Caller{
		Agent: hello.Agent, Instance: hello.Instance, Boot: hello.BootID, Host: hello.Name + " (" + r.RemoteAddr + ")",
	}
}

// admit rules on whether the process is served. What is refused is stored for people to see, and answered.
func (g *Gateway) admit(ctx context.Context, hello wire.Hello, caller protocol.Caller) *wire.Refused {
	if why := refusal(hello); why != "" {
		g.showRefused(ctx, hello, why)
		return &wire.Refused{Reason: why}
	}
	g.mu.Lock()
	ruling := g.roster.Call(caller, g.clock())
	live := g.sessions[server.AgentID(hello.Agent)]
	g.mu.Unlock()
	if ruling.Conflict != "" {
		g.note(ctx, server.AgentID(hello.Agent), ruling.Conflict)
	}
	if ruling.Refused == "" {
		return nil
	}
	if ruling.Quarantined {
		if live != nil {
			live.end(wire.CloseRefused, "quarantined: duplicate identity") // the sentence comes when it calls again
			<-live.over
		}
		g.showRefused(ctx, hello, ruling.Refused)
	}
	return &wire.Refused{Reason: ruling.Refused, RetryAfter: plan.Duration(ruling.RetryAfter)}
}

// showRefused stores an agent that is not served, so that people see it, and why. One whose identity makes no sense has no place
// among the agents.
func (g *Gateway) showRefused(ctx context.Context, hello wire.Hello, why string) {
	if !agentID.MatchString(hello.Agent) {
		return
	}
	a := agentOf(hello)
	a.Problem = why
	if a.Name == "" {
		a.Name = hello.Agent
	}
	a.Name = a.Name[:min(len(a.Name), maxName)]
	if err := g.Agents.RefuseAgent(ctx, a); err != nil {
		g.log().Error("a refused agent cannot be shown", "agent", hello.Name, "error", err)
	}
}

// note shows a conflict with the agent that goes on being served.
func (g *Gateway) note(ctx context.Context, id server.AgentID, text string) {
	g.mu.Lock()
	if g.noted == nil {
		g.noted = make(map[server.AgentID]time.Duration)
	}
	g.noted[id] = g.clock()
	g.mu.Unlock()
	if err := g.Agents.NoteAgent(ctx, id, text); err != nil {
		g.log().Error("a conflict about an agent's identity cannot be shown", "id", id, "error", err)
	}
}

// clearNotes takes back what is not seen any more.
func (g *Gateway) clearNotes(ctx context.Context) {
	var over []server.AgentID
	now := g.clock()
	g.mu.Lock()
	for id, at := range g.noted {
		if now-at >= noteLasts {
			over = append(over, id)
			delete(g.noted, id)
		}
	}
	g.mu.Unlock()
	for _, id := range over {
		if err := g.Agents.NoteAgent(ctx, id, ""); err != nil {
			g.log().Error("the end of a conflict about an agent's identity cannot be shown", "id", id, "error", err)
			g.mu.Lock()
			g.noted[id] = now - noteLasts // the next time, then
			g.mu.Unlock()
		}
	}
}

// attend notes a word of the process that uses an identity.
func (s *session) attend() {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	s.g.roster.Heard(s.caller.Agent, s.caller.Instance, s.g.clock())
}

// depart notes that the process said that it ends: another one with its identity is no conflict.
func (s *session) depart() {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	s.g.roster.Left(s.caller.Agent, s.caller.Instance)
}
