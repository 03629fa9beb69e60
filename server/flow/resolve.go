package flow

import (
	"context"
	"fmt"
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Resolve answers an activity that is Late in its plan as it is to run, for the agent that is about to begin it. It answers
// server.ErrStale if the claim is over, NotFound if the job has no such activity, and Unavailable if the compiler cannot be
// asked now.
func (f *Flow) Resolve(ctx context.Context, c server.Claim, activity string) (server.Answer, error) {
	k, err := f.Store.Known(ctx, c.Ref())
	if err != nil {
		return server.Answer{}, err
	}
	if k.Job.State != plan.Running || k.Result != "" || k.Job.Epoch != c.Epoch {
		return server.Answer{}, &server.Error{
			Kind: server.Conflict, Message: fmt.Sprintf("epoch %d of job %q of run %d is over", c.Epoch, c.Job, c.Run), Err: server.ErrStale,
		}
	}
	i := slices.IndexFunc(k.Plan.Activities, func(a plan.Activity) bool { return a.Name == activity })
	if i < 0 {
		return server.Answer{}, server.Errorf(server.NotFound, "job %q of run %d has no activity %q", c.Job, c.Run, activity)
	}
	if !k.Plan.Activities[i].Late {
		return server.Answer{Activity: k.Plan.Activities[i]}, nil
	}
	return f.resolve(ctx, c.Ref(), k, k.Plan.Activities[i])
}

func (f *Flow) resolve(ctx context.Context, node server.JobRef, k server.Known, a plan.Activity) (answer server.Answer, err error) {
	l := late(k)
	l.Instance = instance(k)
	l.Instance.Activity = a.Name
	if l.Instance.Secrets, err = f.Store.SecretValues(ctx, k.Project, k.Plan.Environment, a.Secrets); err != nil {
		return server.Answer{}, err
	}
	res, problem, err := f.ask(ctx, node, k, l)
	if err != nil {
		return server.Answer{}, &server.Error{Kind: server.Unavailable, Message: "the compiler cannot be asked now", Err: err}
	}
	if problem == "" && (res.Activity == nil || res.Activity.Late) {
		problem = "the compiler has no values for it, though all that it refers to is known"
	}
	if problem != "" {
		return server.Answer{Problem: problem}, nil
	}
	return server.Answer{Activity: *res.Activity, Masks: res.Masks}, nil
}
