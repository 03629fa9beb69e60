package executor

import (
	"context"
	"errors"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// tries runs an activity, again and again as far as its retries allow. The tries share a log.
func (w *walk) tries(ctx context.Context, step Step, out Output) Outcome {
	var failed []plan.Cause
	var before []Try
	for {
		outcome, cause := w.try(ctx, step, out)
		outcome.Tries = before
		if exit := outcome.Exit; exit != nil && !exit.Started.IsZero() {
			if out.Since.IsZero() {
				out.Since = exit.Started
			}
			exit.Started = out.Since
		}
		failed = append(failed, cause)
		if cause == "" || ctx.Err() != nil || !step.Retries.Allow(failed...) {
			if cause != "" { // the end of the whole job is no failure of its own
				outcome.allow(step.Activity)
			}
			return outcome
		}
		before = append(before, Try{Cause: outcome.Cause, LogEnd: logEnd(out)})
		if pause(ctx, cause, len(failed)); ctx.Err() != nil {
			outcome = interrupted(context.Cause(ctx), outcome.Exit)
			outcome.Tries = before
			return outcome
		}
	}
}

// try runs an activity once. The cause is empty if it passed, or if no other try can help.
func (w *walk) try(ctx context.Context, step Step, out Output) (outcome Outcome, cause plan.Cause) {
	ctx, begin, end := withClock(ctx, timedOut{limit: step.Timeout})
	defer end()
	out.Began = begin
	exit, err := w.Room.Run(ctx, step, out)
	var did *Exit
	if !exit.Started.IsZero() || exit.Reason != "" {
		did = &exit
	}
	values, missing := w.readOutputs(step.Outputs, exit)
	var image *ImageError
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		outcome = interrupted(context.Cause(ctx), did)
		if late, ok := errors.AsType[timedOut](context.Cause(ctx)); ok && !late.whole {
			cause = plan.CauseTimeout
		}
	case errors.As(err, &image):
		return Outcome{Result: plan.Failed, Cause: image.Error()}, plan.CauseImage
	case err != nil:
		outcome, cause = Outcome{Result: plan.Lost, Cause: err.Error(), Exit: did}, plan.CauseLost
	default:
		outcome, cause = judge(exit)
		if cause == "" && missing != "" {
			outcome.Result, outcome.Cause, cause = plan.Failed, missing, plan.CauseOutput
		}
	}
	outcome.Outputs = values
	return outcome, cause
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
