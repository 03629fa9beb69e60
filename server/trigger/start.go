package trigger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A Request is somebody's wish to start a pipeline now.
type Request struct {
	Project  string
	Pipeline string // empty means the only one that answers the event
	// Kinds are the events that the run may be for, the preferred one first; the first that the pipeline has an "on" for is
	// taken. A run for "push" does what a push would, whatever its filters say. None means "manual".
	Kinds  []string
	Ref    string // branch, tag or hash; empty means the repository's main branch
	Inputs map[string]string
	Jobs   []string // only these, and what they need; empty means all
	Actor  string
}

// Start starts a pipeline. What is wrong with the wish is an error, Invalid or NotFound; what is wrong with the files of the
// commit is a run that failed, as it is after a push.
func (t *Trigger) Start(ctx context.Context, req Request) (server.Run, error) {
	began := t.Now()
	if len(req.Kinds) == 0 {
		req.Kinds = []string{dsl.KindManual}
	}
	o, err := t.asked(ctx, req)
	if err != nil {
		return server.Run{}, err
	}
	refused := t.read(ctx, o)
	if errors.Is(refused, server.ErrNoFolder) || refused == nil && len(o.files) == 0 {
		return server.Run{}, server.Errorf(server.Invalid, "no pipeline here: commit %.12s of project %q has no %s", o.event.Commit, o.project.Name, pipelineFiles)
	}
	var run server.Run
	err = t.numbered(ctx, func(number server.RunID) error {
		n, err := t.wished(ctx, o, req, refused, number)
		if err != nil {
			return err
		}
		run, err = t.Store.CreateRun(ctx, n)
		return err
	})
	if err != nil {
		return server.Run{}, err
	}
	t.Log.Info("run started by hand", "project", o.project.Name, "run", run.ID, "actor", req.Actor, "took", t.Now().Sub(began))
	return run, nil
}

// asked describes a wish to the compiler.
func (t *Trigger) asked(ctx context.Context, req Request) (*occasion, error) {
	p, err := t.Store.Project(ctx, req.Project)
	if err != nil {
		return nil, err
	}
	if err := t.fetch(ctx, p); err != nil {
		return nil, err
	}
	main, err := t.mainBranch(ctx, p)
	if err != nil {
		return nil, err
	}
	ref := req.Ref
	if ref == "" {
		if main == "" {
			return nil, server.Errorf(server.Invalid, "the repository of project %q has no main branch yet: push to it, or name a ref", p.Name)
		}
		ref = "refs/heads/" + main
	}
	event, err := t.Forge.Resolve(ctx, p.Name, ref)
	if err != nil {
		return nil, err
	}
	event.Kind = req.Kinds[0]
	if req.Actor != "" {
		event.Actor = req.Actor
	}
	return &occasion{project: p, event: event, main: main, inputs: req.Inputs, supplies: &supplies{}}, nil
}

// wished plans the run that was asked for, which gets that number.
func (t *Trigger) wished(ctx context.Context, o *occasion, req Request, refused error, number server.RunID) (server.NewRun, error) {
	if refused != nil {
		n, ok := o.unreadable(refused)
		if !ok {
			return server.NewRun{}, refused
		}
		return n, nil
	}
	made, err := t.compile(ctx, o, req.Pipeline, number)
	if err != nil {
		return server.NewRun{}, err
	}
	if len(made.Pipelines) == 0 {
		return o.without(made.Response), nil
	}
	pipeline, kind, err := choose(req, made.Response)
	if err != nil {
		return server.NewRun{}, err
	}
	if kind != o.event.Kind || !answers(made.Response, pipeline) {
		o = o.as(kind)
		if made, err = t.compile(ctx, o, pipeline, number); err != nil {
			return server.NewRun{}, err
		}
	}
	return o.granted(made, pipeline, req.Jobs, number)
}

// granted is the run of the pipeline that was chosen, with the jobs that were.
func (o *occasion) granted(made compiled, pipeline string, jobs []string, number server.RunID) (server.NewRun, error) {
	if problems := problemsOf(made.Response, pipeline); planOf(made.Response, pipeline) == nil && wishful(problems) {
		return server.NewRun{}, server.Errorf(server.Invalid, "pipeline %q cannot be started so: %s", pipeline, server.Words(problems))
	}
	n, err := o.planned(pipeline, made, number)
	if err != nil || n.Plan == nil {
		return n, err
	}
	n.Plan, err = only(n.Plan, jobs)
	return n, err
}

// wishful says whether problems are those of inputs: the wish is wrong then, and not what it is about.
func wishful(problems []plan.Problem) bool {
	return slices.ContainsFunc(problems, func(p plan.Problem) bool { return slices.Contains(dsl.InputCodes(), p.Code) })
}

// choose finds the pipeline that is meant, and the kind of event that it is started for.
func choose(req Request, res dsl.Response) (pipeline, kind string, err error) {
	if req.Pipeline != "" {
		return named(req, res)
	}
	for _, kind := range req.Kinds {
		var names []string
		for _, p := range res.Pipelines {
			if slices.Contains(p.Triggers, kind) {
				names = append(names, p.Name)
			}
		}
		if len(names) > 1 {
			names = thoseThatStart(names, res.Matches)
		}
		switch len(names) {
		case 0:
			continue
		case 1:
			return names[0], kind, nil
		}
		return "", "", server.Errorf(server.Invalid, "several pipelines can be started: %s; name one of them", strings.Join(names, ", "))
	}
	return "", "", server.Errorf(server.Invalid, "no pipeline can be started so: none of %s has on %q", strings.Join(pipelineNames(res), ", "), strings.Join(req.Kinds, `" or on "`))
}

// thoseThatStart keeps the names of pipelines that the event would have started by itself; all of them if that is none.
func thoseThatStart(names []string, matches []dsl.Match) []string {
	var starting []string
	for _, m := range matches {
		if m.Starts && slices.Contains(names, m.Pipeline) {
			starting = append(starting, m.Pipeline)
		}
	}
	if len(starting) == 0 {
		return names
	}
	return starting
}

// named checks the pipeline that was named.
func named(req Request, res dsl.Response) (pipeline, kind string, err error) {
	for _, p := range res.Pipelines {
		if p.Name != req.Pipeline {
			continue
		}
		for _, kind := range req.Kinds {
			if slices.Contains(p.Triggers, kind) {
				return p.Name, kind, nil
			}
		}
		return "", "", server.Errorf(server.Invalid, "pipeline %q cannot be started so: it has no on %q; add on %[2]q {} to it", p.Name, req.Kinds[0])
	}
	return "", "", server.Errorf(server.NotFound, "there is no pipeline %q; there is %s", req.Pipeline, strings.Join(pipelineNames(res), ", "))
}

func pipelineNames(res dsl.Response) []string {
	var names []string
	for _, p := range res.Pipelines {
		names = append(names, p.Name)
	}
	return names
}

// answers says whether a response is about that pipeline, for better or worse.
func answers(res dsl.Response, pipeline string) bool {
	return planOf(res, pipeline) != nil || slices.ContainsFunc(res.Failures, func(f dsl.Failure) bool { return f.Pipeline == pipeline })
}
