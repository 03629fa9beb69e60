package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// declinePause is how long an agent that declined a job is offered none.
const declinePause = time.Second

// A grant is what a session knows of a job that its agent has. The session's mutex guards it.
type grant struct {
	running    bool // accepted
	offeredAt  time.Time
	timer      offerTimer
	canceled   bool // the agent was told
	hard       bool // and that it is meant for all
	concluding bool // its result is being stored
	// activities are the names that logs may have; nil until somebody asks.
	activities map[string]bool
	// asked are the activities that the agent asked about, and has no answer for yet.
	asked map[string]bool
	// expected are finished logs whose bytes are still on their way.
	expected map[string]logEnd
	finished map[string]bool // logs that are complete
	// incomplete says of logs why they will never be complete.
	incomplete map[string]string
}

// A logEnd is what an agent says of a finished log.
type logEnd struct {
	bytes  int64
	sha256 string
}

// offerTimer is a timer that may not be there.
type offerTimer struct{ *time.Timer }

func (t offerTimer) stop() {
	if t.Timer != nil {
		t.Timer.Stop()
	}
}

// hold notes that the agent has a job.
func (s *session) hold(c server.Claim, gr *grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return // the session is over
	}
	s.held[c] = gr
	s.count.Store(int64(len(s.held)))
}

// drop notes that the agent has a job no more.
func (s *session) drop(c server.Claim) {
	s.mu.Lock()
	if gr := s.held[c]; gr != nil {
		gr.timer.stop()
		delete(s.held, c)
	}
	s.count.Store(int64(len(s.held)))
	s.mu.Unlock()
	s.roomChanged()
}

// grant does something with what is known of a job, and says whether the agent has it.
func (s *session) grant(c server.Claim, do func(*grant)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gr := s.held[c]
	if gr != nil {
		do(gr)
	}
	return gr != nil
}

func (s *session) holdsRun(run server.RunID) bool {
	if s.count.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.held {
		if c.Run == run {
			return true
		}
	}
	return false
}

// concluding says whether the end of a job is being stored, so that the store may not have it among the held ones any more.
func (s *session) concluding(c server.Claim) (yes bool) {
	s.grant(c, func(gr *grant) { yes = gr.concluding })
	return yes
}

// hasRoom says whether the agent can take a job now, and whether it should be left alone for a moment.
func (s *session) hasRoom() (room, pause bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pause, s.pause = s.pause, false
	return s.agent.Problem == "" && len(s.held) < s.agent.Capacity, pause
}

// grantWork asks for work as long as the agent has room.
func (s *session) grantWork(ctx context.Context) error {
	for {
		room, pause := s.hasRoom()
		switch {
		case pause:
			select {
			case <-time.After(declinePause):
			case <-ctx.Done():
				return ctx.Err()
			}
		case !room:
			select {
			case <-s.changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			job, epoch, err := s.g.Queue.Next(ctx, s.current)
			if err != nil {
				return err
			}
			if err := s.offer(ctx, job, server.Claim{Run: job.Run, Job: job.Job, Epoch: epoch}); err != nil {
				return err
			}
		}
	}
}

// offer sends a claimed job to the agent.
func (s *session) offer(ctx context.Context, job server.QueuedJob, c server.Claim) error {
	p, data, err := s.plan(ctx, c)
	if err != nil {
		_, returning := s.takeBack(ctx, c, "its plan cannot be read")
		return errors.Join(err, returning)
	}
	names := make(map[string]bool, len(p.Activities))
	for _, a := range p.Activities {
		names[a.Name] = true
	}
	s.hold(c, &grant{
		offeredAt:  s.g.now(),
		timer:      offerTimer{time.AfterFunc(wire.OfferTimeout, s.nudge)},
		activities: names,
	})
	sum := sha256.Sum256(data)
	err = s.control.Send(wire.Offer{
		Claim: onWire(c), Project: job.Project, Commit: job.Commit, Plan: data, SHA256: hex.EncodeToString(sum[:]),
	})
	var large *wire.TooLargeError
	if errors.As(err, &large) {
		s.drop(c)
		s.log.Error("a job's plan is too large for any agent", "run", c.Run, "job", c.Job, "bytes", large.Size)
		// It has to end, or it would be offered again and again; only a job that runs can be lost.
		return errors.Join(s.g.Jobs.Accept(ctx, c), s.g.Jobs.Lose(ctx, c, "the job's plan cannot be sent: "+large.Error()))
	}
	return err // with another one the session ends, and the offer goes back
}

func (s *session) plan(ctx context.Context, c server.Claim) (plan.Job, []byte, error) {
	p, err := s.g.Jobs.JobPlan(ctx, c.Run, c.Job)
	if err != nil {
		return plan.Job{}, nil, err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return plan.Job{}, nil, fmt.Errorf("writing the plan of job %s: %w", c.Job, err)
	}
	return p, data, nil
}

// takeBack returns an offer to the queue. It answers false, and changes nothing, if it is an offer no more: it may have
// been accepted at this moment.
func (s *session) takeBack(ctx context.Context, c server.Claim, why string) (bool, error) {
	err := s.g.Jobs.Return(ctx, c, why)
	if errors.Is(err, server.ErrStale) {
		return false, nil
	}
	s.drop(c)
	return err == nil, err
}

// hearAccept lets an accepted job start.
func (s *session) hearAccept(ctx context.Context, c server.Claim) error {
	if !s.grant(c, func(*grant) {}) { // the offer went back, or was somebody else's
		return s.stale(c)
	}
	err := s.g.Jobs.Accept(ctx, c)
	if errors.Is(err, server.ErrStale) {
		return s.stale(c)
	}
	if err != nil {
		return err
	}
	ours := s.grant(c, func(gr *grant) {
		gr.running = true
		gr.timer.stop()
	})
	if !ours { // whoever dropped it meanwhile did not know that it was accepted, and nobody else may run it
		err := s.g.forsake(ctx, server.HeldJob{Claim: c, Running: true}, "agent "+s.agent.Name+" accepted it too late")
		return errors.Join(err, s.stale(c))
	}
	return s.control.Send(wire.Start{Claim: onWire(c)})
}

func (s *session) hearDecline(ctx context.Context, c server.Claim, reason string) error {
	s.log.Info("an agent declined a job", "run", c.Run, "job", c.Job, "reason", reason)
	s.mu.Lock()
	s.pause = true
	s.mu.Unlock()
	running := false
	if !s.grant(c, func(gr *grant) { running = gr.running }) {
		return nil // the offer went back, or was somebody else's
	}
	why := "agent " + s.agent.Name + " declined it: " + reason
	err := s.g.forsake(ctx, server.HeldJob{Claim: c, Running: running}, why)
	s.drop(c)
	return err
}

// stale tells the agent to forget a job.
func (s *session) stale(c server.Claim) error {
	s.drop(c)
	return s.control.Send(wire.Stale{Claim: onWire(c)})
}
