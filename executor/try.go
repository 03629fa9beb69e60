package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// attempts are the tries at one activity. They share a log.
type attempts struct {
	activity plan.Activity // as planned
	step     Step          // as it runs
	complete bool          // the step has all its values and masks
	out      Output
	before   []Try // those that ended
	failed   []plan.Cause
	omitted  int64  // bytes of the log that those left out
	begun    *begun // nil if the process of the next try is a new one
}

// begun is a process that an earlier process of the agent began.
type begun struct {
	ticket  Ticket
	elapsed time.Duration // since then
}

// tries runs an activity, again and again as far as its retries allow. The error is as with Run.
func (w *walk) tries(ctx context.Context, a *attempts) (Outcome, error) {
	for {
		outcome, cause, err := w.try(ctx, a)
		if err != nil {
			return Outcome{}, err
		}
		outcome.Tries = a.before
		if exit := outcome.Exit; exit != nil {
			a.omitted += exit.Omitted
			exit.Omitted = a.omitted
		}
		if exit := outcome.Exit; exit != nil && !exit.Started.IsZero() {
			if a.out.Since.IsZero() {
				a.out.Since = exit.Started
			}
			exit.Started = a.out.Since
		}
		a.failed = append(a.failed, cause)
		if cause == "" || ctx.Err() != nil || !a.step.Retries.Allow(a.failed...) {
			if cause != "" { // the end of the whole job is no failure of its own
				outcome.allow(a.step.Activity)
			}
			w.count(outcome)
			return outcome, nil
		}
		a.before = append(a.before, Try{Cause: outcome.Cause, LogEnd: logEnd(a.out)})
		if err := w.going(a, ""); err != nil {
			return Outcome{}, err
		}
		if pause(ctx, cause, len(a.failed)); ctx.Err() != nil {
			outcome = interrupted(context.Cause(ctx), outcome.Exit)
			outcome.Tries = a.before
			return outcome, nil
		}
	}
}

// try runs an activity once, or goes on with a process of it that runs. The cause is empty if it passed, or if no other try
// can help. The error is as with Run.
func (w *walk) try(ctx context.Context, a *attempts) (Outcome, plan.Cause, error) {
	if from := a.begun; from != nil {
		a.begun = nil
		limited, begin, end := withClock(ctx, timedOut{limit: a.step.Timeout})
		defer end()
		begin(from.elapsed)
		exit, err := w.Room.Rejoin(limited, a.step, a.out, from.ticket)
		if !errors.Is(err, ErrNotBegun) {
			outcome, cause, failed := w.weigh(limited, a.step, exit, err)
			return outcome, unlessDoubtful(cause, true, exit, err), failed
		}
	}
	if !a.complete {
		step, outcome := w.resolve(ctx, a.activity)
		if outcome != nil {
			return *outcome, "", nil
		}
		a.step, a.complete = step, true
	}
	ctx, begin, end := withClock(ctx, timedOut{limit: a.step.Timeout})
	defer end()
	var untold error
	out := a.out
	out.Began = func() { begin(0) }
	out.Going = func(ticket Ticket) error {
		untold = w.going(a, ticket)
		return untold
	}
	exit, err := w.Room.Run(ctx, a.step, out)
	if untold != nil {
		return Outcome{}, "", untold
	}
	outcome, cause, failed := w.weigh(ctx, a.step, exit, err)
	return outcome, unlessDoubtful(cause, !exit.Started.IsZero(), exit, err), failed
}

// unlessDoubtful answers the cause of a failure, or none if a process began that may still run: there must not be two.
func unlessDoubtful(cause plan.Cause, begun bool, exit Exit, err error) plan.Cause {
	_, gone := errors.AsType[*GoneError](err)
	if cause == plan.CauseLost && begun && exit.Finished.IsZero() && !gone {
		return ""
	}
	return cause
}

// going reports a try: with its ticket that it is about to begin, without one that it will.
func (w *walk) going(a *attempts, ticket Ticket) error {
	p := Progress{Ticket: ticket, Tries: slices.Clone(a.before), Failed: slices.Clone(a.failed)}
	if !a.out.Since.IsZero() {
		p.Age = max(time.Since(a.out.Since), 1) // 0 is another thing
	}
	if err := w.Reporter.Going(a.activity.Name, p); err != nil {
		return fmt.Errorf("reporting a try at %s: %w", a.activity.Name, err)
	}
	return nil
}

// weigh says what came of a try.
func (w *walk) weigh(ctx context.Context, step Step, exit Exit, err error) (outcome Outcome, cause plan.Cause, _ error) {
	var did *Exit
	if !exit.Started.IsZero() || exit.Reason != "" {
		did = &exit
	}
	values, missing := w.readOutputs(step.Outputs, exit)
	var image *ImageError
	switch {
	case errors.Is(err, ErrLeft):
		return Outcome{}, "", ErrLeft
	case err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		outcome = interrupted(context.Cause(ctx), did)
		if late, ok := errors.AsType[timedOut](context.Cause(ctx)); ok && !late.whole {
			cause = plan.CauseTimeout
		}
	case errors.Is(err, ErrFenced):
		outcome = Outcome{Result: plan.Lost, Cause: ErrFenced.Error(), Exit: did}
	case errors.As(err, &image):
		return Outcome{Result: plan.Failed, Cause: image.Error()}, plan.CauseImage, nil
	case err != nil:
		outcome, cause = Outcome{Result: plan.Lost, Cause: err.Error(), Exit: did}, plan.CauseLost
	default:
		outcome, cause = judge(exit)
		if cause == "" && missing != "" {
			outcome.Result, outcome.Cause, cause = plan.Failed, missing, plan.CauseOutput
		}
		if cause != "" && exit.Hint != "" {
			outcome.Cause += " (" + exit.Hint + ")"
		}
	}
	outcome.Outputs = values
	return outcome, cause, nil
}

// logEnd answers how much is in the log by now.
func logEnd(out Output) int64 {
	if out.Log == nil {
		return 0
	}
	info, err := out.Log.Stat()
	if err != nil {
		return 0 // the next try will not be able to write it either, and says so
	}
	return info.Size()
}

// pause waits before another try at what the script has no part in: a registry or an engine needs time to recover.
func pause(ctx context.Context, cause plan.Cause, failed int) {
	if cause != plan.CauseImage && cause != plan.CauseLost {
		return
	}
	const shortest, longest = time.Second, 30 * time.Second
	clock := time.NewTimer(min(shortest<<min(failed-1, 10), longest))
	defer clock.Stop()
	select {
	case <-clock.C:
	case <-ctx.Done():
	}
}
