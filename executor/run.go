package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// Canceled is the cause (see context.WithCancelCause) with which somebody ends a job on purpose. Any other cause makes the
// job lost.
type Canceled struct {
	Reason string // a sentence for people: "canceled by dana"
}

func (c Canceled) Error() string { return c.Reason }

// timedOut is the cause when a limit of the plan was exceeded.
type timedOut struct {
	whole bool // of the job, not of an activity
	limit plan.Duration
}

func (t timedOut) Error() string {
	if t.whole {
		return fmt.Sprintf("the job's timeout of %s exceeded", t.limit)
	}
	return fmt.Sprintf("timeout of %s exceeded", t.limit)
}

// Run walks the activities of a job in their order and answers how the job ended. After the first activity that did not
// pass the others are only reported, as skipped or canceled. The room is the caller's to close, whatever happened.
//
// The error is the reporter's only: when news cannot be kept safe, the walk ends, and the job is lost.
func Run(ctx context.Context, job plan.Job, room Room, reporter Reporter) (Outcome, error) {
	ctx, cancel := withTimeout(ctx, timedOut{whole: true, limit: job.Timeout})
	defer cancel()
	w := walk{room: room, reporter: reporter}
	for _, activity := range job.Activities {
		if err := w.activity(ctx, activity); err != nil {
			lost := Outcome{Result: plan.Lost, Cause: err.Error()}
			return lost, err
		}
	}
	return w.outcome(), nil
}

func withTimeout(ctx context.Context, limit timedOut) (context.Context, context.CancelFunc) {
	if limit.limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, time.Duration(limit.limit), limit)
}

// withClock answers a context whose limit is counted from the call of begin. The caller calls end when done.
func withClock(ctx context.Context, limit timedOut) (_ context.Context, begin, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if limit.limit <= 0 {
		return ctx, func() {}, func() { cancel(nil) }
	}
	var clock *time.Timer
	begin = func() { clock = time.AfterFunc(time.Duration(limit.limit), func() { cancel(limit) }) }
	end = func() {
		if clock != nil {
			clock.Stop()
		}
		cancel(nil)
	}
	return ctx, begin, end
}

// walk is one way through a job.
type walk struct {
	room     Room
	reporter Reporter

	results []plan.Result
	stopper string   // the activity that ended the walk; empty as long as all passed
	stop    *Outcome // how it ended
}

// activity runs one activity, or says why it does not run.
func (w *walk) activity(ctx context.Context, activity plan.Activity) error {
	var outcome Outcome
	if w.stop != nil {
		outcome = w.passOver()
	} else if ctx.Err() != nil {
		outcome = interrupted(context.Cause(ctx), nil)
	} else {
		var err error
		if outcome, err = w.run(ctx, activity); err != nil {
			return err
		}
	}
	if w.stop == nil && outcome.Result != plan.Passed {
		w.stopper, w.stop = activity.Name, &outcome
	}
	w.results = append(w.results, outcome.Result)
	if err := w.reporter.Finished(activity.Name, outcome); err != nil {
		return fmt.Errorf("reporting the end of %s: %w", activity.Name, err)
	}
	return nil
}

func (w *walk) run(ctx context.Context, activity plan.Activity) (Outcome, error) {
	out, err := w.reporter.Started(activity.Name, time.Now())
	if err != nil {
		return Outcome{}, fmt.Errorf("reporting the start of %s: %w", activity.Name, err)
	}
	ctx, begin, end := withClock(ctx, timedOut{limit: activity.Timeout})
	defer end()
	out.Began = begin
	exit, err := w.room.Run(ctx, activity, out)
	var did *Exit
	if !exit.Started.IsZero() || exit.Reason != "" {
		did = &exit
	}
	var image *ImageError
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return interrupted(context.Cause(ctx), did), nil
	case errors.As(err, &image):
		return Outcome{Result: plan.Failed, Cause: image.Error()}, nil
	case err != nil:
		return Outcome{Result: plan.Lost, Cause: err.Error(), Exit: did}, nil
	default:
		return judge(exit), nil
	}
}

// passOver answers the outcome of an activity that comes after the end of the walk.
func (w *walk) passOver() Outcome {
	switch w.stop.Result {
	case plan.Canceled:
		return Outcome{Result: plan.Canceled, Cause: w.stop.Cause}
	case plan.Lost:
		return Outcome{Result: plan.Skipped, Cause: w.stopper + " was lost before it"}
	default:
		return Outcome{Result: plan.Skipped, Cause: w.stopper + " failed before it"}
	}
}

// outcome answers that of the whole job.
func (w *walk) outcome() Outcome {
	whole := Outcome{Result: plan.Passed}
	if w.stop == nil {
		return whole
	}
	whole.Result = plan.Worst(w.results...)
	whole.Cause = w.stop.Cause
	if w.stop.Result != plan.Canceled {
		whole.Cause = w.stopper + ": " + w.stop.Cause
	}
	return whole
}

// interrupted answers the outcome of an activity whose context ended.
func interrupted(cause error, exit *Exit) Outcome {
	outcome := Outcome{Result: plan.Lost, Cause: cause.Error(), Exit: exit}
	var canceled Canceled
	var late timedOut
	switch {
	case errors.As(cause, &canceled):
		outcome.Result = plan.Canceled
	case errors.As(cause, &late):
		outcome.Result = plan.Failed
	}
	return outcome
}

// judge answers the outcome of a process that ended by itself.
func judge(exit Exit) Outcome {
	outcome := Outcome{Result: plan.Failed, Exit: &exit}
	switch {
	case exit.Reason != "":
		outcome.Cause = exit.Reason
	case exit.Code == 0:
		outcome.Result = plan.Passed
	case exit.OOM && exit.Limit > 0:
		outcome.Cause = fmt.Sprintf("out of memory (limit %s)", size(exit.Limit))
	case exit.OOM:
		outcome.Cause = "out of memory"
	case exit.Signal != "":
		outcome.Cause = "killed by " + exit.Signal
	default:
		outcome.Cause = fmt.Sprintf("exit code %d", exit.Code)
	}
	return outcome
}

// size writes a number of bytes as people write limits: in the largest unit that divides it.
func size(bytes int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= unit.size && bytes%unit.size == 0 {
			return fmt.Sprintf("%d %s", bytes/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", bytes)
}
