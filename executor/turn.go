package executor

import (
	"context"
	"fmt"
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// turn says whether an activity runs now, after those before it; if not, its outcome. "when" is looked at last.
func (w *walk) turn(ctx context.Context, activity plan.Activity) (_ Outcome, goes bool) {
	switch activity.RunOn {
	case plan.OnAlways:
	case plan.OnFailed:
		failed := slices.ContainsFunc(w.ends, func(e ended) bool { return e.Result == plan.Failed || e.Result == plan.Lost })
		if !failed && ctx.Err() == nil {
			return Outcome{Result: plan.Skipped, Cause: `run_on is "failed", and nothing before it failed`}, false
		}
	default:
		if i := slices.IndexFunc(w.ends, blocks); i >= 0 {
			return passedOver(w.ends[i]), false
		}
	}
	if ctx.Err() != nil {
		return interrupted(context.Cause(ctx), nil), false
	}
	return Outcome{Result: plan.Skipped, Cause: activity.Skip}, activity.Skip == ""
}

// blocks says whether an activity that ended so keeps the later ones from running, unless they say otherwise.
func blocks(e ended) bool {
	return e.Result == plan.Failed || e.Result == plan.Canceled || e.Result == plan.Lost
}

// passedOver answers the outcome of an activity that comes after one that blocks it.
func passedOver(by ended) Outcome {
	switch by.Result {
	case plan.Canceled:
		return Outcome{Result: plan.Canceled, Cause: by.Cause}
	case plan.Lost:
		return Outcome{Result: plan.Skipped, Cause: by.name + " was lost before it"}
	default:
		return Outcome{Result: plan.Skipped, Cause: by.name + " failed before it"}
	}
}

// refusal says what in a job this release cannot do, and the job cannot do without.
func refusal(job plan.Job) string {
	switch {
	case len(job.Services) > 0:
		return fmt.Sprintf("service %q: this release does not run services yet", job.Services[0].Name)
	case job.Workspace != nil && len(job.Workspace.Unpack) > 0:
		return `"unpack" of the workspace: this release does not carry artifacts from job to job yet`
	}
	return ""
}

// refuse reports a job of which nothing runs.
func (w *walk) refuse(activities []plan.Activity, why string) (Outcome, error) {
	for _, a := range activities {
		if err := w.finish(a.Name, Outcome{Result: plan.Skipped, Cause: why}); err != nil {
			return Outcome{Result: plan.Lost, Cause: err.Error()}, err
		}
	}
	return Outcome{Result: plan.Failed, Cause: why}, nil
}
