package flow

import (
	"context"
	"slices"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// do asks the compiler for one node, and stores the answer.
func (f *Flow) do(ctx context.Context, p server.Pending) error {
	k, err := f.Store.Known(ctx, p.JobRef)
	if err != nil {
		return err
	}
	if p.Concluding {
		return f.conclude(ctx, p.JobRef, k)
	}
	return f.plan(ctx, p.JobRef, k)
}

// plan plans a node anew.
func (f *Flow) plan(ctx context.Context, node server.JobRef, k server.Known) error {
	res, problem, err := f.ask(ctx, node, k, late(k))
	switch {
	case err != nil:
		return err
	case problem == "" && (len(res.Jobs) == 0 || res.Jobs[0].Deferred):
		problem = "the compiler has no plan for it, though all that it needs is known"
	}
	if problem == "" {
		err := f.Store.Expand(ctx, node, res.Jobs)
		if server.KindOf(err) != server.Invalid || err == nil {
			return err
		}
		problem = err.Error() // to ask again would bring the same answer
	}
	f.Log.Info("a job cannot be planned", "run", node.Run, "job", node.Job, "problem", problem)
	return f.Store.FailNode(ctx, node, problem)
}

// conclude computes what a job that has ended puts out. Of a job that did not pass that is what can be had; the rest is null.
func (f *Flow) conclude(ctx context.Context, node server.JobRef, k server.Known) error {
	l := late(k)
	l.Instance = instance(k)
	if slices.ContainsFunc(k.Plan.Outputs, func(o plan.Output) bool { return o.Sensitive }) { // no other one can hold a secret
		var err error
		if l.Instance.Secrets, err = f.Store.SecretValues(ctx, k.Project, k.Plan.Environment, k.Plan.Secrets); err != nil {
			return err
		}
	}
	res, problem, err := f.ask(ctx, node, k, l)
	if err != nil {
		return err
	}
	if !k.Result.Satisfies() { // its result stays as it is; no value is missed by those who may read them
		problem = ""
	}
	return f.Store.Conclude(ctx, node, res.Outputs, problem)
}

// ask asks the compiler with what a run was planned from. A problem is the files' fault, or that of the values in them.
func (f *Flow) ask(ctx context.Context, node server.JobRef, k server.Known, l *dsl.Late) (res dsl.Response, problem string, err error) {
	req, problem, err := f.source(ctx, node.Run)
	if err != nil || problem != "" {
		return dsl.Response{}, problem, err
	}
	req.Pipeline, req.Late = k.Pipeline, l
	if res, err = f.Compiler.Compile(ctx, req); err != nil {
		return dsl.Response{}, "", err
	}
	if res.Wants != nil {
		return dsl.Response{}, "the compiler asks for files of the commit that it did not ask for when the run was planned", nil
	}
	return res, server.Words(res.Problems), nil
}
