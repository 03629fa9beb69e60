package trigger

import (
	"context"
	"errors"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// tries bounds how often a run is planned anew because another one took its number.
const tries = 20

// numbered calls do with the number of the next run until nobody else takes it in between.
func (t *Trigger) numbered(ctx context.Context, do func(first server.RunID) error) error {
	for range tries {
		first, err := t.Store.NextRun(ctx)
		if err != nil {
			return err
		}
		if err := do(first); !errors.Is(err, server.ErrNotNext) {
			return err
		}
	}
	return server.Errorf(server.Unavailable, "too many runs start at the same time; try again")
}

// startsOf plans the runs that an event starts, the first of which gets that number. A commit that cannot start anything
// becomes one run that says why; refused is the error of its files, if any.
func (t *Trigger) startsOf(ctx context.Context, o *occasion, refused error, first server.RunID) ([]server.NewRun, error) {
	if refused != nil {
		n, ok := o.unreadable(refused)
		if !ok {
			return nil, refused
		}
		return []server.NewRun{n}, nil
	}
	if len(o.files) == 0 {
		return []server.NewRun{o.empty()}, nil
	}
	var starts []server.NewRun
	for _, kind := range o.kinds() {
		more, err := t.startsFor(ctx, o.as(kind), first+server.RunID(len(starts)))
		if err != nil {
			return nil, err
		}
		starts = append(starts, more...)
		if len(more) == 1 && more[0].Run.Pipeline == "" {
			return starts, nil // the files cannot start anything, whatever the kind
		}
	}
	return starts, nil
}

// kinds are the kinds of events that an occasion is: the push of a tag is two, of which a pipeline answers at most one.
func (o *occasion) kinds() []string {
	if o.event.Kind == dsl.KindPush && o.event.Tag != "" {
		return []string{dsl.KindPush, dsl.KindTag}
	}
	return []string{o.event.Kind}
}

// startsFor plans the runs for the occasion's kind of event.
func (t *Trigger) startsFor(ctx context.Context, o *occasion, first server.RunID) ([]server.NewRun, error) {
	made, err := t.compile(ctx, o, "", first)
	if err != nil {
		return nil, err
	}
	if len(made.Pipelines) == 0 {
		return []server.NewRun{o.without(made.Response)}, nil
	}
	var starts []server.NewRun
	for _, m := range made.Matches {
		if !m.Starts {
			t.Log.Info("pipeline is not started", "project", o.project.Name, "pipeline", m.Pipeline, "kind", o.event.Kind, "ref", o.event.Ref, "reason", m.Reason)
			continue
		}
		number := first + server.RunID(len(starts))
		if number != first {
			if made, err = t.compile(ctx, o, m.Pipeline, number); err != nil {
				return nil, err
			}
		}
		n, err := o.planned(m.Pipeline, made, number)
		if err != nil {
			return nil, err
		}
		starts = append(starts, n)
	}
	return starts, nil
}

// empty is the run of a commit without a pipeline file.
func (o *occasion) empty() server.NewRun {
	return o.ended("", plan.Skipped, "no pipeline here: the .tutti folder of the commit has no .hcl file")
}

// without is the run of a commit whose files declare no pipeline that could be started.
func (o *occasion) without(res dsl.Response) server.NewRun {
	if res.Failed() {
		return o.mistaken("", res.Problems)
	}
	return o.ended("", plan.Skipped, "no pipeline here: the files in .tutti declare none", res.Problems...)
}

// planned is a run of one pipeline, which gets that number; one that failed if it has no plan.
func (o *occasion) planned(pipeline string, made compiled, number server.RunID) (server.NewRun, error) {
	p := planOf(made.Response, pipeline)
	if p == nil {
		return o.mistaken(pipeline, problemsOf(made.Response, pipeline)), nil
	}
	source, err := made.source(pipeline, number)
	if err != nil {
		return server.NewRun{}, err
	}
	r := o.run(pipeline)
	r.ID, r.Problems = number, warnings(made.Problems)
	return server.NewRun{Run: r, Plan: p, Source: source}, nil
}

func planOf(res dsl.Response, pipeline string) *plan.Plan {
	for _, p := range res.Plans {
		if p.Pipeline == pipeline {
			return p
		}
	}
	return nil
}

// problemsOf answers why a pipeline has no plan.
func problemsOf(res dsl.Response, pipeline string) []plan.Problem {
	for _, f := range res.Failures {
		if f.Pipeline == pipeline {
			return f.Problems
		}
	}
	return res.Problems
}
