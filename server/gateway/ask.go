package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

const (
	// maxAsks bounds the questions of one agent that are being answered at once; others wait.
	maxAsks = 8
	// askAgain is the time before the compiler is asked again that could not answer, and maxAskAgain the longest.
	askAgain    = 250 * time.Millisecond
	maxAskAgain = 15 * time.Second
)

// Flow computes what a plan could not hold yet.
type Flow interface {
	// Resolve answers an activity as it is to run, for the agent that holds the claim and has reported all that came before.
	// A claim that is over is answered with server.ErrStale.
	Resolve(ctx context.Context, c server.Claim, activity string) (server.Answer, error)
}

// hearAsk begins to answer a question of an agent. The answer may take the compiler a while, and nothing else waits for it.
// A question that is being answered may be asked again.
func (s *session) hearAsk(ctx context.Context, m wire.Ask) error {
	c := claimOf(m.Claim)
	names, err := s.activities(ctx, c)
	if isAway(err) {
		s.log.Warn("a question cannot be looked at; it will come again", "run", c.Run, "job", c.Job, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if names != nil && !names[m.Activity] {
		return s.control.Send(wire.Answer{Claim: m.Claim, Activity: m.Activity, Problem: "the job has no such activity"})
	}
	running, asked := false, false
	s.grant(c, func(gr *grant) {
		running, asked = gr.Running, gr.asked[m.Activity]
		note(&gr.asked, m.Activity, true)
	})
	switch {
	case !running:
		return s.stale(c)
	case asked:
		return nil
	}
	s.work.Go(func() {
		s.answer(ctx, c, m.Activity)
		s.grant(c, func(gr *grant) { delete(gr.asked, m.Activity) })
	})
	return nil
}

// answer answers a question, unless the session ends or the job is over before.
func (s *session) answer(ctx context.Context, c server.Claim, activity string) {
	select {
	case s.askSlots <- struct{}{}:
		defer func() { <-s.askSlots }()
	case <-ctx.Done():
		return
	}
	answer, err := s.resolve(ctx, c, activity)
	switch {
	case ctx.Err() != nil:
		return // the agent asks again in its next session
	case errors.Is(err, server.ErrStale):
		err = s.stale(c)
	case err != nil:
		s.log.Error("an activity's values could not be computed", "run", c.Run, "job", c.Job, "activity", activity, "error", err)
		err = s.sendAnswer(c, activity, server.Answer{Problem: "the server could not compute its values"})
	default:
		err = s.sendAnswer(c, activity, answer)
	}
	if err != nil {
		s.log.Warn("an answer could not be sent", "run", c.Run, "job", c.Job, "activity", activity, "error", err)
		s.end(wire.CloseInternal, "an answer could not be sent") // or the agent would wait for it
	}
}

// resolve asks the flow, and again as long as it cannot be asked, the session lasts and the agent has the job.
func (s *session) resolve(ctx context.Context, c server.Claim, activity string) (server.Answer, error) {
	for pause := askAgain; ; pause = min(2*pause, maxAskAgain) {
		answer, err := s.g.Flow.Resolve(ctx, c, activity)
		if server.KindOf(err) != server.Unavailable {
			return answer, err
		}
		s.log.Warn("an activity waits for its values", "run", c.Run, "job", c.Job, "activity", activity, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return server.Answer{}, ctx.Err()
		}
		if !s.grant(c, func(*grant) {}) {
			return server.Answer{}, server.ErrStale
		}
	}
}

// sendAnswer sends an answer, or that it is too large for one.
func (s *session) sendAnswer(c server.Claim, activity string, a server.Answer) error {
	m := wire.Answer{Claim: onWire(c), Activity: activity, Masks: a.Masks, Problem: a.Problem}
	if a.Problem == "" {
		data, err := json.Marshal(a.Activity)
		if err != nil {
			return fmt.Errorf("writing the plan of activity %s: %w", activity, err)
		}
		m.Plan = data
	}
	err := s.control.Send(m)
	var large *wire.TooLargeError
	if errors.As(err, &large) {
		why := fmt.Sprintf("its environment, command and secrets have %d KiB; no more than %d KiB can be sent to an agent", large.Size>>10, wire.MaxMessage>>10)
		return s.control.Send(wire.Answer{Claim: m.Claim, Activity: activity, Problem: why})
	}
	return err
}
