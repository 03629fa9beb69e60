package trigger

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// pipelineFiles are where pipelines are, in every repository.
const pipelineFiles = ".tutti/*.hcl"

// An occasion is an event at a project, with all that the compiler is told of it.
type occasion struct {
	project server.Project
	event   server.Event
	main    string   // the repository's main branch
	changed []string // nil if that is not known
	inputs  map[string]string
	files   []dsl.File
	// supplies is what the compiler asked for, for this commit; all pipelines of the occasion share it.
	supplies *supplies
}

// as is the same occasion for another kind of event.
func (o *occasion) as(kind string) *occasion {
	other := *o
	other.event.Kind = kind
	return &other
}

// request asks for one pipeline; for all that the event starts if none is named. A plan may hold the number of its run.
func (o *occasion) request(pipeline string, run server.RunID, release string) dsl.Request {
	e := o.event
	return dsl.Request{
		Files:    o.files,
		Release:  release,
		Pipeline: pipeline,
		Inputs:   o.inputs,
		Event: dsl.Event{
			Kind: e.Kind, Ref: e.Ref, Branch: e.Branch, Tag: e.Tag, Commit: e.Commit,
			Title: e.Title, Message: e.Message, Actor: e.Actor, Changed: o.changed, Source: e.Source, Schedule: e.Schedule,
			Repo: dsl.Repo{
				Name: o.project.Name, Owner: ownerOf(o.project.URL), URL: server.RedactURL(o.project.URL), DefaultBranch: o.main,
			},
			Run: dsl.Run{ID: int64(run)},
		},
	}
}

// ownerOf is the part of a repository's url before its name: the user or group; empty if there is none.
func ownerOf(url string) string {
	if strings.HasPrefix(url, "/") || strings.HasPrefix(url, "file:") {
		return ""
	}
	if _, rest, ok := strings.Cut(url, "://"); ok {
		_, url, _ = strings.Cut(rest, "/")
	} else {
		_, url, _ = strings.Cut(url, ":") // user@host:path
	}
	owner := path.Dir(strings.Trim(url, "/"))
	if owner == "." {
		return ""
	}
	return owner
}

// run is a run for this occasion.
func (o *occasion) run(pipeline string) server.Run {
	return server.Run{Project: o.project.Name, Pipeline: pipeline, Event: o.event, Inputs: o.inputs}
}

// ended is a run that is done before it began.
func (o *occasion) ended(pipeline string, result plan.Result, cause string, problems ...plan.Problem) server.NewRun {
	r := o.run(pipeline)
	r.State, r.Result, r.Cause, r.Problems = plan.Done, result, cause, problems
	return server.NewRun{Run: r}
}

// mistaken is a run of a pipeline that cannot be compiled.
func (o *occasion) mistaken(pipeline string, problems []plan.Problem) server.NewRun {
	return o.ended(pipeline, plan.Failed, "the pipeline has mistakes", problems...)
}

// read reads the pipeline files at the occasion's commit. Its error may be the fault of the commit: see unreadable.
func (t *Trigger) read(ctx context.Context, o *occasion) error {
	files, err := t.Forge.Files(ctx, o.project.Name, o.event.Commit, pipelineFiles)
	if err != nil {
		return err
	}
	for _, f := range files {
		o.files = append(o.files, dsl.File{Name: f.Name, Data: f.Data})
	}
	return nil
}

// unreadable makes a run of an error of read that is the fault of the commit; ok is false for any other.
func (o *occasion) unreadable(err error) (n server.NewRun, ok bool) {
	var e *server.Error
	switch {
	case errors.Is(err, server.ErrNoFolder):
		return o.ended("", plan.Skipped, "no pipeline here: the commit has no .tutti folder"), true
	case errors.As(err, &e) && e.Kind == server.Invalid:
		return o.mistaken("", []plan.Problem{{Severity: plan.Error, Title: "File cannot be read", Detail: e.Message + "."}}), true
	}
	return server.NewRun{}, false
}

// warnings are the problems that do not keep a pipeline from running.
func warnings(problems []plan.Problem) []plan.Problem {
	var list []plan.Problem
	for _, p := range problems {
		if p.Severity == plan.Warning {
			list = append(list, p)
		}
	}
	return list
}
