package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

var _ executor.Resolver = (*job)(nil)

// A question about an activity is asked in each session until it is answered. The answer may hold secrets: it is kept in
// memory only, and no longer than its activity runs.
type question struct {
	activity string
	answer   chan wire.Answer // has room for one
}

// Resolve implements executor.Resolver: it asks the server, and waits for as long as the server is away.
func (j *job) Resolve(ctx context.Context, activity string) (executor.Step, error) {
	q := &question{activity: activity, answer: make(chan wire.Answer, 1)}
	j.ask(q)
	defer j.ask(nil)
	select {
	case a := <-q.answer:
		return readAnswer(a)
	case <-ctx.Done():
		return executor.Step{}, context.Cause(ctx)
	}
}

// ask has the pump ask a question, or none any more.
func (j *job) ask(q *question) {
	j.mu.Lock()
	j.asked = q
	j.mu.Unlock()
	j.w.poke()
}

// answered takes in what the server answers. What nobody waits for any more does not matter.
func (j *job) answered(a wire.Answer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.asked == nil || j.asked.activity != a.Activity {
		return
	}
	select {
	case j.asked.answer <- a:
	default: // it was answered before
	}
}

func readAnswer(a wire.Answer) (executor.Step, error) {
	if a.Problem != "" {
		return executor.Step{}, &executor.ValueError{Reason: a.Problem}
	}
	var p plan.Activity
	if err := json.Unmarshal(a.Plan, &p); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			err = syntax // other errors may quote what they cannot read
		}
		return executor.Step{}, fmt.Errorf("the server's answer about %s cannot be read: %w", a.Activity, err)
	}
	return executor.Step{Activity: p, Masks: a.Masks}, nil
}
