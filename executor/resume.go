package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// Progress is how far an activity that runs has come: what a later process of the agent needs to go on with it.
type Progress struct {
	// Ticket is empty as long as the process of the try is not about to begin.
	Ticket Ticket
	// Age is the time since the first try began; 0 if this is the first.
	Age    time.Duration
	Tries  []Try        // those before this one
	Failed []plan.Cause // and the kinds of their failures
}

// Resume is how far a job had come when an earlier process of the agent ended.
type Resume struct {
	Ended   []EndedActivity // in the order of the plan
	Running *Running        // nil if none ran
	Elapsed time.Duration   // since the job's start
}

// An EndedActivity is one that was reported as finished. Of its Outcome, Exit may be nil; outputs of types that nobody may
// keep on a disk may be missing.
type EndedActivity struct {
	Name    string
	Outcome Outcome
}

// Running is the activity that was reported as started, and not as finished.
type Running struct {
	Activity string
	Progress *Progress     // the last one that was told; nil if there was none
	Elapsed  time.Duration // since that was told
}

// resume takes in what ended before, and answers the activities that did not.
func (w *walk) resume() []plan.Activity {
	if w.Resume == nil {
		return w.Job.Activities
	}
	for _, e := range w.Resume.Ended {
		w.ends = append(w.ends, ended{e.Name, e.Outcome})
		w.count(e.Outcome)
	}
	var rest []plan.Activity
	for _, a := range w.Job.Activities {
		i := slices.IndexFunc(w.ends, func(e ended) bool { return e.name == a.Name })
		switch {
		case i < 0:
			rest = append(rest, a)
		case a.Late && w.ends[i].Result != plan.Skipped:
			w.owed = append(w.owed, w.ends[i])
		}
	}
	return rest
}

// elapsed answers for how long the job had run already.
func (w *walk) elapsed() time.Duration {
	if w.Resume == nil {
		return 0
	}
	return w.Resume.Elapsed
}

// running answers how far an activity had come, if it ran when an earlier process of the agent ended.
func (w *walk) running(activity string) *Running {
	if w.Resume == nil || w.Resume.Running == nil || w.Resume.Running.Activity != activity {
		return nil
	}
	return w.Resume.Running
}

// goOn runs an activity from where an earlier process of the agent left it.
func (w *walk) goOn(ctx context.Context, activity plan.Activity, from *Running) (Outcome, error) {
	out, err := w.Reporter.Rejoined(activity.Name)
	if err != nil {
		return Outcome{}, fmt.Errorf("reporting that %s goes on: %w", activity.Name, err)
	}
	a := &attempts{activity: activity, step: Step{Activity: activity}, out: out}
	if p := from.Progress; p != nil {
		a.before, a.failed = slices.Clone(p.Tries), slices.Clone(p.Failed)
		if p.Age > 0 {
			a.out.Since = time.Now().Add(-p.Age - from.Elapsed)
		}
		if p.Ticket != "" {
			a.begun = &begun{ticket: p.Ticket, elapsed: from.Elapsed}
		}
	}
	return w.tries(ctx, a)
}

// recall asks again for the masks of activities that ran before the agent's process did: what they left may be shown by a
// later one. If they cannot be had, nothing may run, and the outcome says so.
func (w *walk) recall(ctx context.Context) *Outcome {
	for len(w.owed) > 0 {
		by := w.owed[0]
		answer, err := w.Resolver.Resolve(ctx, by.name)
		if value, ok := errors.AsType[*ValueError](err); ok && by.Result == plan.Failed && by.Cause == value.Reason {
			err = nil // that is why it never ran
		}
		if err != nil && ctx.Err() != nil {
			outcome := interrupted(context.Cause(ctx), nil)
			return &outcome
		}
		if err != nil {
			return &Outcome{Result: plan.Lost, Cause: fmt.Sprintf("the secrets of %s could not be had again: %v", by.name, err)}
		}
		w.mask(answer.Masks)
		w.owed = w.owed[1:]
	}
	return nil
}
