package trigger

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// lookAgain is how long Follow waits for a change before it looks all the same.
const lookAgain = time.Minute

// Follow starts the pipelines that follow others, whenever runs changed and until ctx ends.
//
// This cannot go round in circles: a run is followed at its own commit, whose files the compiler refuses if their pipelines start
// each other.
func (t *Trigger) Follow(ctx context.Context, changed <-chan struct{}) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		if err := t.FollowEnds(ctx); err != nil && ctx.Err() == nil {
			t.Log.Error("pipelines that follow others cannot be started", "error", err)
		}
		select {
		case <-changed:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// FollowEnds starts what follows the runs that have ended since it was called last.
func (t *Trigger) FollowEnds(ctx context.Context) error {
	for {
		after, err := t.Store.FinishedCursor(ctx)
		if err != nil {
			return err
		}
		ended, last, err := t.Store.FinishedRuns(ctx, after)
		if err != nil || last == after {
			return err
		}
		err = t.numbered(ctx, func(first server.RunID) error {
			var starts []server.NewRun
			for _, r := range ended {
				more, err := t.followers(ctx, r, first+server.RunID(len(starts)))
				if err != nil {
					return err
				}
				starts = append(starts, more...)
			}
			_, err := t.Store.StartAfter(ctx, last, starts)
			return err
		})
		if unlessDone(err) != nil {
			return err
		}
	}
}

// followers plans the runs that the end of a run starts. Where the commit cannot be read any more nothing does; only a compiler
// that does not answer is worth another attempt.
func (t *Trigger) followers(ctx context.Context, r server.Run, first server.RunID) ([]server.NewRun, error) {
	// What comes after a pull request would have its secrets, which code from a fork must not get.
	if r.Result != plan.Passed && r.Result != plan.Warned || r.Pipeline == "" || r.Event.Kind == dsl.KindPullRequest {
		return nil, nil
	}
	o, err := t.following(ctx, r)
	if err == nil && !slices.ContainsFunc(o.files, followsAny) {
		return nil, nil
	}
	var starts []server.NewRun
	if err == nil {
		starts, err = t.startsFor(ctx, o, first)
	}
	switch {
	case err == nil && len(starts) == 1 && starts[0].Run.Pipeline == "":
		return nil, nil // the files have mistakes by now, such as a library that is gone; the run itself had none
	case err == nil:
		return starts, nil
	case server.KindOf(err) == server.Unavailable || ctx.Err() != nil:
		return nil, err
	}
	t.Log.Warn("what follows a run cannot be found out", "run", r.ID, "project", r.Project, "error", err)
	return nil, nil
}

// following is the occasion of a run's end.
func (t *Trigger) following(ctx context.Context, r server.Run) (*occasion, error) {
	p, err := t.Store.Project(ctx, r.Project)
	if err != nil {
		return nil, err
	}
	event, err := t.Forge.Resolve(ctx, p.Name, r.Event.Commit)
	if err != nil {
		return nil, err
	}
	message := event.Message
	event = r.Event
	event.Kind, event.Source, event.Schedule, event.Message = dsl.KindPipeline, r.Pipeline, "", message
	o := &occasion{project: p, event: event, supplies: &supplies{}}
	if o.main, err = t.mainOf(ctx, p); err != nil { // a repository that does not answer must not keep others waiting
		t.Log.Warn("main branch is not known", "project", p.Name, "error", err)
	}
	return o, t.read(ctx, o)
}

// followsAny says whether a file may hold an on "pipeline": most do not, and need not be compiled to know.
func followsAny(f dsl.File) bool { return bytes.Contains(f.Data, []byte(`"pipeline"`)) }
