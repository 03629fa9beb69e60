package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// afterLimit is for how long activities may still run when their job was canceled, or its time is over.
const afterLimit = 10 * time.Minute

// Canceled is the cause (see context.WithCancelCause) with which somebody ends a job on purpose. Any other cause makes the
// job lost.
type Canceled struct {
	Reason string // a sentence for people: "canceled by dana"
	// Hard ends what runs after a cancellation, too.
	Hard bool
}

func (c Canceled) Error() string { return c.Reason }

// WithCancel answers the two contexts that Run needs, and the function that ends them: a Canceled that is not Hard ends only
// soft, anything else ends both. It may be called any number of times.
func WithCancel(ctx context.Context) (hard, soft context.Context, cancel context.CancelCauseFunc) {
	hard, endAll := context.WithCancelCause(ctx)
	soft, end := context.WithCancelCause(hard)
	return hard, soft, func(cause error) {
		end(cause)
		var canceled Canceled
		if !errors.As(cause, &canceled) || canceled.Hard {
			endAll(cause)
		}
	}
}

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

// overtime is the cause when what runs after a cancellation runs for too long.
type overtime struct{}

func (overtime) Error() string {
	return fmt.Sprintf("it still ran %s after the job was to end", plan.Duration(afterLimit))
}

// limits are the contexts in which the activities of a job run, by their RunOn.
type limits struct {
	passed context.Context // ends when the job is canceled, or its time is over
	failed context.Context // ends when the job is canceled; goes on for a while when its time is over
	always context.Context // goes on for a while in both cases
}

// newLimits makes the limits of a job that has run for a while already. The caller calls end when the job has ended.
func newLimits(hard, soft context.Context, timeout plan.Duration, elapsed time.Duration) (l limits, end func()) {
	var endPassed context.CancelFunc
	l.passed, endPassed = withTimeout(soft, timedOut{whole: true, limit: timeout}, elapsed)
	after := afterLimit
	if over := elapsed - time.Duration(timeout); timeout > 0 && over > 0 {
		after -= over
	}
	always, endAlways := context.WithCancelCause(hard)
	failed, endFailed := context.WithCancelCause(soft)
	l.always, l.failed = always, failed
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-l.passed.Done():
		case <-always.Done():
			return
		}
		clock := time.NewTimer(after)
		defer clock.Stop()
		select {
		case <-clock.C:
			endAlways(overtime{})
			endFailed(overtime{})
		case <-always.Done():
		}
	})
	return l, func() {
		endAlways(nil)
		endFailed(nil)
		endPassed()
		watching.Wait()
	}
}

func (l limits) of(on plan.RunOn) context.Context {
	switch on {
	case plan.OnAlways:
		return l.always
	case plan.OnFailed:
		return l.failed
	default:
		return l.passed
	}
}

func withTimeout(ctx context.Context, limit timedOut, elapsed time.Duration) (context.Context, context.CancelFunc) {
	if limit.limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, time.Duration(limit.limit)-elapsed, limit)
}

// withClock answers a context whose limit is counted from the call of begin, which is told how much of it is over already. The
// caller calls end when done.
func withClock(ctx context.Context, limit timedOut) (_ context.Context, begin func(elapsed time.Duration), end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if limit.limit <= 0 {
		return ctx, func(time.Duration) {}, func() { cancel(nil) }
	}
	var clock *time.Timer
	begin = func(elapsed time.Duration) {
		clock = time.AfterFunc(time.Duration(limit.limit)-elapsed, func() { cancel(limit) })
	}
	end = func() {
		if clock != nil {
			clock.Stop()
		}
		cancel(nil)
	}
	return ctx, begin, end
}
