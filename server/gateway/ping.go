package gateway

import (
	"context"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

const (
	// pingPatience is how long the answer to a ping waits for the store.
	pingPatience = 3 * time.Second
	// enoughPings without a word of a running job say that the agent does not have it: no message overtakes so many.
	enoughPings = 3
)

// hearPing answers what is wanted of each job that the agent names, and renews their leases.
func (s *session) hearPing(ctx context.Context, m wire.Ping) error {
	s.attend()
	if len(m.Jobs) == 0 && s.count.Load() == 0 {
		return s.control.Send(wire.Pong{Seq: m.Seq})
	}
	held, err := s.heldNow(ctx)
	if err != nil {
		return err
	}
	pong := wire.Pong{Seq: m.Seq}
	named := make(map[server.Claim]bool, len(m.Jobs))
	for _, c := range m.Jobs {
		named[claimOf(c)] = true
		if d, ok := s.desire(c, held); ok {
			pong.Jobs = append(pong.Jobs, d)
		}
	}
	if err := s.control.Send(pong); err != nil {
		return err
	}
	return s.dropUnnamed(ctx, m.Seq, named, held)
}

// holding is what the store has with an agent, or had when it could be asked last.
type holding struct {
	jobs  map[server.Claim]server.HeldJob
	guess bool // the store cannot be asked: this is what the session remembers
}

// heldNow answers the jobs that the store has with the agent. If it cannot be asked, it cannot give a job up either: the session's own
// memory is as good then.
func (s *session) heldNow(ctx context.Context) (holding, error) {
	patient, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	held, err := s.g.Jobs.HeldJobs(patient, s.id)
	if ctx.Err() != nil {
		return holding{}, ctx.Err()
	}
	if err != nil {
		s.log.Warn("the store cannot be asked what is wanted of jobs", "error", err)
		return s.remembered(), nil
	}
	now := holding{jobs: make(map[server.Claim]server.HeldJob, len(held))}
	for _, h := range held {
		now.jobs[h.Claim] = h
	}
	return now, nil
}

// remembered is what the session knows of its jobs.
func (s *session) remembered() holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := holding{guess: true, jobs: make(map[server.Claim]server.HeldJob, len(s.held))}
	for c, gr := range s.held {
		now.jobs[c] = server.HeldJob{Claim: c, Agent: s.id, Running: gr.Running, Fence: gr.fence}
	}
	return now
}

// desire answers what is wanted of a job that the agent names; false if nobody knows.
func (s *session) desire(c wire.Claim, held holding) (wire.Desired, bool) {
	claim := claimOf(c)
	h, ok := held.jobs[claim]
	if !ok && held.guess {
		return wire.Desired{}, false
	}
	known := protocol.Standing{}
	if ok {
		known = standingOf(h)
	}
	concluding, doomed := false, false
	s.grant(claim, func(gr *grant) { concluding, doomed = gr.Concluding, gr.doomed != "" })
	d := s.g.Terms.Desire(string(s.id), c, known, concluding)
	switch {
	case doomed:
		d = wire.Desired{Claim: c, Stale: true}
	case d.Valid > 0 && !s.g.renew(claim): // it is being given up
		d.Valid = 0
	}
	return d, true
}

// dropUnnamed gives up the running jobs that the agent does not have any more, though nobody told it to forget them, or though that was
// the way to end them.
func (s *session) dropUnnamed(ctx context.Context, ping int64, named map[server.Claim]bool, held holding) error {
	var dropped []server.HeldJob
	s.mu.Lock()
	for c, gr := range s.held {
		if !gr.Running || gr.waiting != nil {
			continue
		}
		if named[c] {
			gr.unnamed = 0
		} else {
			gr.unnamed++
		}
		h, ok := held.jobs[c]
		if gone := gr.Listed(ping, named[c]) || gr.unnamed >= enoughPings && !gr.Concluding; gone && ok && !held.guess {
			h.Reason = gr.doomed
			dropped = append(dropped, h)
		}
	}
	s.mu.Unlock()
	for _, h := range dropped {
		why := h.Reason
		if why == "" {
			why = "agent " + s.agent.Name + " does not have it any more"
		}
		if err := s.g.forsake(ctx, h, why); isAway(err) {
			return nil // the next ping says it again
		} else if err != nil {
			return err
		}
		s.drop(h.Claim)
	}
	return nil
}
