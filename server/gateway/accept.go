package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// hearAccept lets an accepted job start. The agent says it again until it hears the Start.
func (s *session) hearAccept(ctx context.Context, c server.Claim) error {
	running, accepting := false, false
	ours := s.grant(c, func(gr *grant) {
		running, accepting = gr.Running, gr.accepting
		gr.accepting = !running
	})
	switch {
	case !ours: // the offer went back, or was somebody else's
		return s.stale(c)
	case accepting:
		return nil // it is being stored
	case running:
		return s.sendStart(c)
	}
	err := s.accept(ctx, c)
	if isAway(err) {
		s.again(ctx, err, func(ctx context.Context) error { return s.accept(ctx, c) })
		return nil
	}
	return err
}

// accept stores that a job was accepted, and lets it start.
func (s *session) accept(ctx context.Context, c server.Claim) error {
	var fence time.Duration
	if !s.grant(c, func(gr *grant) { fence = gr.fence }) {
		return nil // the offer went back meanwhile, and the agent was told
	}
	err := s.g.Jobs.Accept(ctx, c, fence)
	if errors.Is(err, server.ErrStale) {
		return s.stale(c)
	}
	if err != nil {
		return away(err)
	}
	s.g.renew(c)
	if err := s.g.trap("server.after_running_tx"); err != nil {
		return err
	}
	ours := s.grant(c, func(gr *grant) {
		gr.Running, gr.accepting = true, false
		gr.timer.stop()
	})
	if !ours { // whoever dropped it meanwhile did not know that it was accepted, and nobody else may run it
		err := s.g.forsake(ctx, server.HeldJob{Claim: c, Running: true}, "agent "+s.agent.Name+" accepted it too late")
		return errors.Join(err, s.stale(c))
	}
	return s.sendStart(c)
}

// sendStart lets a running job begin. Its lease counts from its Accept, and that was before now.
func (s *session) sendStart(c server.Claim) error {
	var fence time.Duration
	s.grant(c, func(gr *grant) { fence = gr.fence })
	if !s.g.renew(c) {
		return nil // it is being given up
	}
	return s.control.Send(wire.Start{Claim: onWire(c), Valid: plan.Duration(fence)})
}
