package trigger

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
)

// Push looks for what is new in a project's repository, and starts what that starts. It answers the runs that it stored;
// none if somebody else, such as Poll, was there before.
func (t *Trigger) Push(ctx context.Context, project string) ([]server.Run, error) {
	p, err := t.Store.Project(ctx, project)
	if err != nil {
		return nil, err
	}
	unlock, err := t.projects.lock(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	began := t.Now()
	runs, err := t.push(ctx, p)
	if ctx.Err() != nil {
		return runs, err // a request that was given up says nothing about the project
	}
	if noted := t.Store.SetProjectProblem(ctx, p.Name, problemOf(err)); noted != nil {
		err = errors.Join(err, noted)
	}
	if len(runs) > 0 {
		t.Log.Info("push", "project", p.Name, "runs", len(runs), "took", t.Now().Sub(began))
	}
	return runs, err
}

// problemOf says for the project's page what is wrong; empty if nothing is.
func problemOf(err error) string {
	if err == nil {
		return ""
	}
	var e *server.Error
	if errors.As(err, &e) && e.Kind != server.Internal {
		return e.Message
	}
	return "the last look at the repository failed; the server's log says why"
}

func (t *Trigger) push(ctx context.Context, p server.Project) ([]server.Run, error) {
	if err := t.fetch(ctx, p); err != nil {
		return nil, err
	}
	now, err := t.Forge.Heads(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	known, err := t.Store.Heads(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	if known == nil {
		t.Log.Info("repository seen first; what is in it starts nothing", "project", p.Name, "refs", len(now))
		return nil, t.Store.KnowHeads(ctx, p.Name, now)
	}
	moved := moves(p.Name, known, now)
	if len(moved) == 0 {
		return nil, nil
	}
	main, err := t.mainBranch(ctx, p)
	if err != nil {
		return nil, err
	}
	var runs []server.Run
	var errs []error
	for _, m := range moved { // one that fails is tried again the next time, and does not stop the others
		started, err := t.advance(ctx, p, main, m)
		runs, errs = append(runs, started...), append(errs, err)
	}
	return runs, errors.Join(errs...)
}

// moves lists what is different between two sets of refs, in the order of their names.
func moves(project string, known, now map[string]string) []server.Move {
	refs := maps.Clone(known)
	maps.Copy(refs, now)
	var all []server.Move
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if known[ref] != now[ref] {
			all = append(all, server.Move{Project: project, Ref: ref, From: known[ref], To: now[ref]})
		}
	}
	return all
}

// advance stores one move and the runs that it starts.
func (t *Trigger) advance(ctx context.Context, p server.Project, main string, m server.Move) ([]server.Run, error) {
	if m.To == "" {
		_, err := t.Store.Advance(ctx, m, nil)
		return nil, unlessDone(err)
	}
	o, err := t.pushed(ctx, p, main, m)
	if err != nil {
		return nil, err
	}
	refused := t.read(ctx, o)
	var runs []server.Run
	err = t.numbered(ctx, func(first server.RunID) error {
		starts, err := t.startsOf(ctx, o, refused, first)
		if err != nil {
			return err
		}
		runs, err = t.Store.Advance(ctx, m, starts)
		return err
	})
	return runs, unlessDone(err)
}

// pushed describes a move to the compiler.
func (t *Trigger) pushed(ctx context.Context, p server.Project, main string, m server.Move) (*occasion, error) {
	event, err := t.Forge.Resolve(ctx, p.Name, m.To)
	if err != nil {
		return nil, err
	}
	event.Kind, event.Ref = dsl.KindPush, m.Ref
	event.Branch, event.Tag = "", ""
	if branch, ok := strings.CutPrefix(m.Ref, "refs/heads/"); ok {
		event.Branch = branch
	} else {
		event.Tag = strings.TrimPrefix(m.Ref, "refs/tags/")
	}
	o := &occasion{project: p, event: event, main: main, supplies: &supplies{}}
	if m.From == "" {
		return o, nil
	}
	if o.changed, err = t.Forge.ChangedFiles(ctx, p.Name, m.From, m.To); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		// The old commit may be gone after a forced push; then nobody knows, and filters by path let it pass.
		t.Log.Warn("changed files cannot be listed", "project", p.Name, "ref", m.Ref, "from", m.From, "to", m.To, "error", err)
	}
	return o, nil
}

// unlessDone forgets an error that says that somebody else did the same before.
func unlessDone(err error) error {
	if server.KindOf(err) == server.Conflict && !errors.Is(err, server.ErrNotNext) {
		return nil
	}
	return err
}
