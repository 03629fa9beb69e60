package gateway

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// helloLimit is how long a new connection may say nothing.
const helloLimit = 10 * time.Second

// agentID is what an agent may call itself.
var agentID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// greet takes in the Hello and makes the session, which is the agent's only one when greet answers.
func (g *Gateway) greet(ctx context.Context, control *wire.Control) (*session, wire.Hello, error) {
	late := time.AfterFunc(helloLimit, func() { control.Close(wire.CloseProtocol, "no hello") })
	e, err := control.Receive()
	late.Stop()
	var hello wire.Hello
	if err == nil {
		err = e.Into(&hello)
	}
	if err != nil {
		return nil, hello, fmt.Errorf("waiting for its hello: %w", err)
	}
	if why := refusal(hello); why != "" {
		return nil, hello, errors.Join(errors.New(why), control.Send(wire.Refused{Reason: why}))
	}
	s := &session{
		g: g, id: server.AgentID(hello.Agent), control: control,
		over: make(chan struct{}), changed: make(chan struct{}, 1), nudged: make(chan struct{}, 1),
		held: make(map[server.Claim]*grant), askSlots: make(chan struct{}, maxAsks),
		agent: server.Agent{
			ID: server.AgentID(hello.Agent), Name: hello.Name, Version: hello.Version, OS: hello.OS, Arch: hello.Arch,
			Labels: hello.Labels, Capacity: hello.Capacity, Problem: hello.Problem, Online: true,
		},
	}
	if s.number, err = g.Agents.UpsertAgent(ctx, s.agent); err != nil {
		return nil, hello, errors.Join(err, control.Send(wire.Refused{Reason: "the server cannot store that the agent is here", RetryAfter: plan.Duration(5 * time.Second)}))
	}
	s.agent.Session = s.number
	s.log = g.log().With("agent", hello.Name, "session", s.number)
	g.enter(s)
	return s, hello, nil
}

// refusal says why an agent is not served, if it is not.
func refusal(hello wire.Hello) string {
	switch {
	case hello.MaxProtocol < wire.MinProtocol:
		return fmt.Sprintf("agent %s speaks protocol %d at most, this server %d at least: upgrade the agent", hello.Version, hello.MaxProtocol, wire.MinProtocol)
	case hello.MinProtocol > wire.MaxProtocol:
		return fmt.Sprintf("agent %s speaks protocol %d at least, this server %d at most: upgrade the server", hello.Version, hello.MinProtocol, wire.MaxProtocol)
	case !agentID.MatchString(hello.Agent):
		return fmt.Sprintf("%q cannot be the identity of an agent", hello.Agent)
	case hello.Name == "" || len(hello.Name) > 200:
		return "the agent has no name, or one of more than 200 bytes"
	case hello.Capacity < 0 || hello.Capacity > 1000:
		return fmt.Sprintf("the agent's capacity of %d is not among 0 to 1000", hello.Capacity)
	}
	return ""
}

// welcome settles what is to become of each job that the agent has, or should have, and tells it.
func (s *session) welcome(ctx context.Context, hello wire.Hello) error {
	held, err := s.g.Jobs.HeldJobs(ctx, s.id)
	if err != nil {
		return err
	}
	unknown := make(map[server.Claim]server.HeldJob, len(held))
	for _, h := range held {
		unknown[h.Claim] = h
	}
	m := wire.Welcome{Protocol: min(hello.MaxProtocol, wire.MaxProtocol), Server: s.g.Version, Session: s.number}
	var starts []wire.Start
	for _, j := range hello.Jobs {
		h, ok := unknown[claimOf(j.Claim)]
		delete(unknown, h.Claim)
		v, err := s.verdict(ctx, j, h, ok)
		if err != nil {
			return err
		}
		m.Verdicts = append(m.Verdicts, v)
		if v.Do == wire.DoContinue && j.Phase == wire.PhaseAccepted {
			starts = append(starts, wire.Start{Claim: j.Claim})
		}
	}
	for _, h := range unknown {
		if err := s.g.forsake(ctx, h, "agent "+s.agent.Name+" came back without it"); err != nil {
			return err
		}
	}
	if err := s.control.Send(m); err != nil {
		return err
	}
	for _, start := range starts {
		if err := s.control.Send(start); err != nil {
			return err
		}
	}
	return nil
}

// verdict says what to do with a job that the agent has; ok says that the store has it there as well.
func (s *session) verdict(ctx context.Context, j wire.Held, h server.HeldJob, ok bool) (wire.Verdict, error) {
	v := wire.Verdict{Claim: j.Claim, Do: wire.DoDiscard}
	if !ok {
		return v, nil
	}
	if !h.Running {
		// The connection broke before the Accept came through: here it is.
		if err := s.g.Jobs.Accept(ctx, h.Claim); errors.Is(err, server.ErrStale) {
			return v, nil
		} else if err != nil {
			return v, err
		}
	}
	s.hold(h.Claim, &grant{running: true, canceled: h.Cancel, hard: h.Hard})
	v.Do = wire.DoContinue
	if h.Cancel {
		v.Do, v.Reason, v.Hard = wire.DoStop, h.Reason, h.Hard
	}
	return v, nil
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
		return err
	}
	return g.Logs.AbandonJob(h.Run, h.Job, h.Epoch, why)
}
