package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A source is what following a run needs of a server.
type source interface {
	Run(ctx context.Context, id server.RunID) (server.Run, error)
	Changes(ctx context.Context, id server.RunID, after int64, change func(server.Change) error) error
	Log(ctx context.Context, id server.RunID, job, activity string, from int64, follow bool, w io.Writer) error
}

// A view shows a run as it goes on. Its methods are called from several goroutines; it orders what it writes.
type view interface {
	// Jobs is told how the jobs of the run are: before all else, and again when there are more of them, or when an approval
	// changed. They may be further on than the changes.
	Jobs(jobs []server.Job)
	// Changed is told every change of the run, in order.
	Changed(ch server.Change)
	// Log answers where the bytes of an activity go; the view is told their end by Close.
	Log(job, activity string) io.WriteCloser
}

// follow shows a run until it is done, with every byte of every log, and answers its end.
func follow(ctx context.Context, src source, id server.RunID, v view) (server.Run, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f := follower{src: src, id: id, view: v, stop: stop, started: map[string]bool{}, kinds: map[string]plan.Kind{}}
	err := f.learn(ctx)
	if err == nil {
		err = src.Changes(ctx, id, 0, func(ch server.Change) error { return f.changed(ctx, ch) })
	}
	if err != nil {
		stop(err) // the logs of what still runs would go on
	}
	f.logs.Wait()
	if err := context.Cause(ctx); err != nil {
		return server.Run{}, err
	}
	return src.Run(ctx, id)
}

// A follower follows one run.
type follower struct {
	src     source
	id      server.RunID
	view    view
	stop    context.CancelCauseFunc
	logs    sync.WaitGroup
	started map[string]bool      // "job/activity" whose log is followed
	kinds   map[string]plan.Kind // of the jobs that are known
}

// learn reads what jobs there are, and tells the view.
func (f *follower) learn(ctx context.Context) error {
	run, err := f.src.Run(ctx, f.id)
	if err != nil {
		return err
	}
	for _, j := range run.Jobs {
		f.kinds[j.Name] = j.Kind
	}
	f.view.Jobs(run.Jobs)
	return nil
}

func (f *follower) changed(ctx context.Context, ch server.Change) error {
	// A matrix may get its instances late, and a change does not hold what an approval asks.
	if kind, known := f.kinds[ch.Job]; ch.Job != "" && (!known || kind == plan.KindApproval) {
		if err := f.learn(ctx); err != nil {
			return err
		}
	}
	f.view.Changed(ch)
	key := ch.Job + "/" + ch.Activity
	if ch.Kind != "activity" || f.started[key] || !hasLog(ch) {
		return nil
	}
	f.started[key] = true
	w := f.view.Log(ch.Job, ch.Activity)
	f.logs.Go(func() {
		err := f.src.Log(ctx, f.id, ch.Job, ch.Activity, 0, true, w)
		if err = errors.Join(err, w.Close()); err != nil {
			f.stop(fmt.Errorf("following the log of %s: %w", key, err))
		}
	})
	return nil
}

// hasLog says whether an activity got as far as having a log.
func hasLog(ch server.Change) bool {
	return ch.State == plan.Running || ch.State == plan.Done && ch.Result != plan.Skipped && ch.Result != plan.Canceled
}
