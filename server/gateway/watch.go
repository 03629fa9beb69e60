package gateway

import (
	"context"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

// watch looks, whenever it is nudged, for what is wanted of the agent's jobs.
func (s *session) watch(ctx context.Context) error {
	for {
		select {
		case <-s.nudged:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := s.expireOffers(ctx)
		if err == nil {
			err = s.tellDesires(ctx)
		}
		if !isAway(err) {
			if err != nil {
				return err
			}
			continue
		}
		s.log.Warn("the store cannot be asked what is wanted of jobs", "error", err)
		s.nudge()
		select {
		case <-time.After(maxPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// expireOffers takes back what was not accepted in time.
func (s *session) expireOffers(ctx context.Context) error {
	var late []server.Claim
	now := s.g.clock()
	s.mu.Lock()
	for c, gr := range s.held {
		if !gr.Running && now-gr.offeredAt >= wire.OfferTimeout {
			late = append(late, c)
		}
	}
	s.mu.Unlock()
	for _, c := range late {
		s.log.Warn("an agent did not answer an offer", "run", c.Run, "job", c.Job)
		back, err := s.takeBack(ctx, c, "agent "+s.agent.Name+" did not answer")
		if err != nil {
			return err
		}
		if !back { // accepted after all, or over, which tellDesires tells
			continue
		}
		if err := s.stale(c); err != nil {
			return err
		}
	}
	return nil
}

// tellDesires sends a Cancel for each job that should end, and a Stale for each that is over.
func (s *session) tellDesires(ctx context.Context) error {
	s.mu.Lock()
	before := make([]server.Claim, 0, len(s.held))
	for c := range s.held {
		before = append(before, c)
	}
	s.mu.Unlock()
	held, err := s.g.Jobs.HeldJobs(ctx, s.id)
	if err != nil {
		return away(err)
	}
	now := make(map[server.Claim]server.HeldJob, len(held))
	for _, h := range held {
		now[h.Claim] = h
	}
	for _, c := range before {
		if err := s.tellDesire(c, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) tellDesire(c server.Claim, now map[server.Claim]server.HeldJob) error {
	h, ok := now[c]
	tell, concluding := false, false
	ours := s.grant(c, func(gr *grant) {
		concluding = gr.Concluding
		tell = ok && gr.Tell(protocol.LevelOf(h.Cancel, h.Hard))
	})
	switch {
	case !ours || concluding:
		return nil
	case !ok:
		return s.stale(c)
	case tell:
		return s.control.Send(wire.Cancel{Claim: onWire(c), Reason: h.Reason, Hard: h.Hard})
	}
	return nil
}
