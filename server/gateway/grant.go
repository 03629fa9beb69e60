package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// declinePause is how long an agent that declined a job is offered none.
const declinePause = time.Second

// A grant is what a session knows of a job that its agent has. The session's mutex guards it.
type grant struct {
	protocol.Grant
	fence     time.Duration // for how long the job may go on without a word
	offeredAt time.Duration // by the gateway's clock
	timer     offerTimer
	accepting bool              // that it was accepted could not be stored yet
	unnamed   int               // pings in a row that did not name it
	doomed    string            // why the agent is to forget it, if it is; it says so by naming it no more
	waiting   *server.JobReport // the newest one that could not be stored yet
	// activities are the names that logs may have; nil until somebody asks.
	activities map[string]bool
	// asked are the activities that the agent asked about, and has no answer for yet.
	asked map[string]bool
	// expected are finished logs whose bytes are still on their way.
	expected map[string]logEnd
	finished map[string]bool // logs to which nothing will be added
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
		return s.excuse(ctx, c, err)
	}
	names := make(map[string]bool, len(p.Activities))
	for _, a := range p.Activities {
		names[a.Name] = true
	}
	s.hold(c, &grant{
		fence: s.fenceOf(p), offeredAt: s.g.clock(),
		timer:      offerTimer{time.AfterFunc(wire.OfferTimeout, s.nudge)},
		activities: names,
	})
	sum := sha256.Sum256(data)
	err = s.control.Send(wire.Offer{
		Claim: onWire(c), Project: job.Project, Commit: job.Commit, Plan: data, SHA256: hex.EncodeToString(sum[:]),
	})
	var large *wire.TooLargeError
	if errors.As(err, &large) {
		s.log.Error("a job's plan is too large for any agent", "run", c.Run, "job", c.Job, "bytes", large.Size)
		err = s.loseUnsent(ctx, c, large)
		if isAway(err) {
			s.again(ctx, err, func(ctx context.Context) error { return s.loseUnsent(ctx, c, large) })
			return nil
		}
	}
	return err // with another one the session ends, and the offer goes back
}

// excuse gives a job back whose plan cannot be read, and leaves the queue in peace for a moment. If even that cannot be stored, the gateway
// does it when it sees that nobody has the offer.
func (s *session) excuse(ctx context.Context, c server.Claim, why error) error {
	s.log.Error("a job cannot be offered", "run", c.Run, "job", c.Job, "error", why)
	s.mu.Lock()
	s.pause = true
	s.mu.Unlock()
	_, err := s.takeBack(ctx, c, "its plan cannot be read")
	if err != nil {
		s.log.Error("an offer could not be taken back", "run", c.Run, "job", c.Job, "error", err)
	}
	return ctx.Err()
}

// loseUnsent ends a job that can be sent to no agent. It has to end, or it would be offered again and again; only a job that runs can be
// lost.
func (s *session) loseUnsent(ctx context.Context, c server.Claim, why error) error {
	err := s.g.Jobs.Accept(ctx, c, 0)
	if err == nil {
		err = s.g.Jobs.LoseForGood(ctx, c, "the job's plan cannot be sent: "+why.Error())
	}
	if err != nil && !errors.Is(err, server.ErrStale) {
		return away(err)
	}
	s.drop(c)
	return nil
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
	if err != nil {
		return false, away(err)
	}
	s.drop(c)
	return true, nil
}

func (s *session) hearDecline(ctx context.Context, c server.Claim, reason string) error {
	s.log.Info("an agent declined a job", "run", c.Run, "job", c.Job, "reason", reason)
	s.mu.Lock()
	s.pause = true
	s.mu.Unlock()
	running := false
	if !s.grant(c, func(gr *grant) { running = gr.Running }) {
		return nil // the offer went back, or was somebody else's
	}
	giveBack := func(ctx context.Context) error {
		// An agent declines only what it never began: nothing of it runs there, even if it was told to start.
		err := s.g.forsake(ctx, server.HeldJob{Claim: c, Running: running}, "agent "+s.agent.Name+" declined it: "+reason)
		if err == nil {
			s.drop(c)
		}
		return err
	}
	err := giveBack(ctx)
	if isAway(err) {
		s.again(ctx, err, giveBack)
		return nil
	}
	return err
}

// stale tells the agent to forget a job.
func (s *session) stale(c server.Claim) error {
	s.drop(c)
	return s.control.Send(wire.Stale{Claim: onWire(c)})
}
