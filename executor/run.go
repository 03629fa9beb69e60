package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// Work is a job that is to run, with all that it needs. No field may be nil, but Resolver may be if no activity is Late.
type Work struct {
	Job      plan.Job
	Room     Room // the caller's to close, whatever happened
	Resolver Resolver
	Reporter Reporter
	// Resume is set for a job that an earlier process of the agent began; Room is then an adopted one.
	Resume *Resume
}

// Run walks the activities of a job in their order and answers how the job ended. Each activity is reported: one that the
// ends of those before it keep from running, or its own "when", as skipped.
//
// The contexts are those of WithCancel. When soft ends, so does what runs, except for activities with run_on "always":
// they still run, for a limited time, until hard ends.
//
// The error is the reporter's: when news cannot be kept safe, the walk ends, and the job is lost. Or it is ErrLeft: what did not
// end by then was not reported, and goes on.
func Run(hard, soft context.Context, work Work) (Outcome, error) {
	w := &walk{Work: work}
	rest := w.resume()
	if why := refusal(work.Job); why != "" {
		return w.refuse(rest, why)
	}
	limits, end := newLimits(hard, soft, work.Job.Timeout, w.elapsed())
	defer end()
	for _, activity := range rest {
		if err := w.activity(limits.of(activity.RunOn), activity); err != nil {
			return Outcome{Result: plan.Lost, Cause: err.Error()}, err
		}
	}
	return w.outcome(), nil
}

// walk is one way through a job.
type walk struct {
	Work
	ends   []ended
	masks  []string // of all activities so far: what one of them left may be shown by a later one
	owed   []ended  // activities whose masks have to be asked for again
	output int      // bytes of outputs so far
}

// ended is an activity that ended.
type ended struct {
	name string
	Outcome
}

// activity runs one activity, or says why it does not run.
func (w *walk) activity(ctx context.Context, activity plan.Activity) error {
	outcome, err := w.run(ctx, activity)
	switch {
	case err != nil:
		return err
	case errors.Is(context.Cause(ctx), ErrLeft):
		return ErrLeft
	}
	return w.finish(activity.Name, outcome)
}

func (w *walk) finish(name string, outcome Outcome) error {
	w.ends = append(w.ends, ended{name, outcome})
	if err := w.Reporter.Finished(name, outcome); err != nil {
		return fmt.Errorf("reporting the end of %s: %w", name, err)
	}
	return nil
}

// run runs one activity if it is its turn, and answers its outcome in any case.
func (w *walk) run(ctx context.Context, activity plan.Activity) (Outcome, error) {
	if from := w.running(activity.Name); from != nil {
		return w.goOn(ctx, activity, from)
	}
	if outcome, goes := w.turn(ctx, activity); !goes {
		return outcome, nil
	}
	step, outcome := w.resolve(ctx, activity)
	if outcome != nil {
		return *outcome, nil
	}
	out, err := w.Reporter.Started(activity.Name, time.Now())
	if err != nil {
		return Outcome{}, fmt.Errorf("reporting the start of %s: %w", activity.Name, err)
	}
	return w.tries(ctx, &attempts{activity: activity, step: step, complete: true, out: out})
}

// count counts the outputs of an activity that ended.
func (w *walk) count(outcome Outcome) {
	for _, value := range outcome.Outputs {
		w.output += len(value)
	}
}

// outcome answers that of the whole job.
func (w *walk) outcome() Outcome {
	results := make([]plan.Result, len(w.ends))
	for i, e := range w.ends {
		results[i] = e.Result
	}
	whole := Outcome{Result: plan.Worst(results...)}
	if whole.Result == "" || whole.Result == plan.Skipped {
		whole.Result = plan.Passed // it ran, and there was nothing to do
	}
	i := slices.IndexFunc(w.ends, func(e ended) bool { return e.Result == whole.Result })
	switch whole.Result {
	case plan.Passed:
	case plan.Canceled:
		whole.Cause = w.ends[i].Cause
	default:
		whole.Cause = w.ends[i].name + ": " + w.ends[i].Cause
	}
	return whole
}
