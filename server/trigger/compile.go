package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Limits of what a compilation can make the server read.
const (
	maxRounds   = 8   // in which the compiler can ask for more
	maxContents = 500 // files
)

// supplies are what the compiler was given beside the files, because it asked for it.
type supplies struct {
	settings  *dsl.Settings
	tree      []dsl.TreeFile
	contents  map[string][]byte
	libraries []dsl.Library
}

func (s *supplies) addTo(req *dsl.Request) {
	req.Settings, req.Tree, req.Contents, req.Libraries = s.settings, s.tree, s.contents, s.libraries
}

// compiled is an answer of the compiler, with the question.
type compiled struct {
	dsl.Response
	request dsl.Request
}

// source is what the plan of a pipeline can be made of again: the tree is replaced by what was found out about it.
func (c compiled) source(pipeline string, run server.RunID) ([]byte, error) {
	req := c.request
	req.Pipeline, req.Event.Run.ID = pipeline, int64(run)
	req.Tree, req.Contents, req.Facts = nil, nil, c.Facts
	source, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("keeping what run %d was planned from: %w", run, err)
	}
	return source, nil
}

// compile asks the compiler, and brings what it lacks. Its error is not the fault of the files, so the event has to come
// again.
func (t *Trigger) compile(ctx context.Context, o *occasion, pipeline string, run server.RunID) (compiled, error) {
	if o.supplies.settings == nil {
		var err error
		if o.supplies.settings, err = t.settings(ctx, o.project.Name); err != nil {
			return compiled{}, err
		}
	}
	for range maxRounds {
		req := o.request(pipeline, run, t.Release)
		o.supplies.addTo(&req)
		res, err := t.Compiler.Compile(ctx, req)
		if err != nil {
			return compiled{}, &server.Error{Kind: server.Unavailable, Message: "pipelines cannot be compiled now", Err: err}
		}
		if res.Wants == nil {
			return compiled{res, req}, nil
		}
		if err := t.supply(ctx, o, *res.Wants); err != nil {
			refused, ok := refusal(err)
			if !ok || ctx.Err() != nil {
				return compiled{}, err
			}
			return compiled{refused, req}, nil
		}
	}
	return compiled{}, fmt.Errorf("compiling project %s at %s: the compiler still wants something after %d rounds", o.project.Name, o.event.Commit, maxRounds)
}

// supply brings what the compiler lacks.
func (t *Trigger) supply(ctx context.Context, o *occasion, wants dsl.Wants) error {
	s := o.supplies
	for _, ref := range wants.Libraries {
		l, err := t.library(ctx, ref)
		if err != nil {
			return err
		}
		s.libraries = append(s.libraries, l)
	}
	missing := false
	if len(wants.Contents) > 0 {
		if len(s.contents)+len(wants.Contents) > maxContents {
			return server.Errorf(server.Invalid, "the pipelines read more than %d files", maxContents)
		}
		read, err := t.Forge.Contents(ctx, o.project.Name, o.event.Commit, wants.Contents, dsl.MaxContent)
		if err != nil {
			return err
		}
		if s.contents == nil {
			s.contents = map[string][]byte{}
		}
		for name, data := range read {
			s.contents[name] = data
		}
		missing = len(read) < len(wants.Contents)
	}
	if s.tree == nil && (wants.Tree || missing) {
		files, err := t.Forge.Tree(ctx, o.project.Name, o.event.Commit)
		if err != nil {
			return err
		}
		for _, f := range files {
			s.tree = append(s.tree, dsl.TreeFile{Path: f.Path, Hash: f.Hash, Link: f.Link})
		}
	}
	return nil
}

// refusal makes the compiler's answer of an error that people can do something about; ok is false for any other.
func refusal(err error) (res dsl.Response, ok bool) {
	var e *server.Error
	if !errors.As(err, &e) || e.Kind == server.Internal {
		return res, false
	}
	title := "Files cannot be read"
	var l *LibraryError
	if errors.As(err, &l) {
		title = "Library cannot be fetched"
	}
	res.Problems = []plan.Problem{{Severity: plan.Error, Title: title, Detail: sentence(err)}}
	return res, true
}

// settings are those of a project, as the compiler wants them.
func (t *Trigger) settings(ctx context.Context, project string) (*dsl.Settings, error) {
	variables, err := t.Store.Variables(ctx, project)
	if err != nil {
		return nil, err
	}
	secrets, err := t.Store.Secrets(ctx, project)
	if err != nil {
		return nil, err
	}
	s := &dsl.Settings{Variables: map[string]map[string]string{}, Secrets: map[string][]string{}}
	for _, v := range variables {
		if s.Variables[v.Environment] == nil {
			s.Variables[v.Environment] = map[string]string{}
		}
		s.Variables[v.Environment][v.Name] = v.Value
	}
	for _, v := range secrets {
		s.Secrets[v.Environment] = append(s.Secrets[v.Environment], v.Name)
	}
	return s, nil
}
