package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// resolve completes an activity with what could not be known before. If it cannot be, or need not run after all, the
// outcome says so.
func (w *walk) resolve(ctx context.Context, activity plan.Activity) (Step, *Outcome) {
	step := Step{Activity: activity}
	if outcome := w.recall(ctx); outcome != nil {
		return step, outcome
	}
	if activity.Late {
		answer, err := w.Resolver.Resolve(ctx, activity.Name)
		if err != nil {
			return step, unresolved(ctx, activity, err)
		}
		// Nothing else can depend on late values; so nothing else is taken.
		step.Late = false
		step.Image, step.Env, step.Command, step.Skip = answer.Image, answer.Env, answer.Command, answer.Skip
		w.mask(answer.Masks)
	}
	step.Masks = slices.Clone(w.masks)
	if step.Skip != "" {
		return step, &Outcome{Result: plan.Skipped, Cause: step.Skip}
	}
	return step, nil
}

// mask keeps values out of the logs from now on.
func (w *walk) mask(values []string) {
	for _, m := range values {
		if !slices.Contains(w.masks, m) {
			w.masks = append(w.masks, m)
		}
	}
}

func unresolved(ctx context.Context, activity plan.Activity, err error) *Outcome {
	outcome := Outcome{Result: plan.Lost, Cause: fmt.Sprintf("its values could not be had: %v", err)}
	var value *ValueError
	switch {
	case ctx.Err() != nil:
		outcome = interrupted(context.Cause(ctx), nil)
	case errors.As(err, &value):
		outcome.Result, outcome.Cause = plan.Failed, value.Reason
		outcome.allow(activity)
	}
	return &outcome
}
