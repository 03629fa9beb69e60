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
	// Changed is told every change of the run, in order.
	Changed(ch server.Change)
	// Log answers where the bytes of an activity go; the view is told their end by Close.
	Log(job, activity string) io.WriteCloser
}

// follow shows a run until it is done, with every byte of every log, and answers its end.
func follow(ctx context.Context, src source, id server.RunID, v view) (server.Run, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var logs sync.WaitGroup
	started := map[string]bool{}
	err := src.Changes(ctx, id, 0, func(ch server.Change) error {
		v.Changed(ch)
		key := ch.Job + "/" + ch.Activity
		if ch.Kind != "activity" || started[key] || !hasLog(ch) {
			return nil
		}
		started[key] = true
		w := v.Log(ch.Job, ch.Activity)
		logs.Go(func() {
			err := src.Log(ctx, id, ch.Job, ch.Activity, 0, true, w)
			if err = errors.Join(err, w.Close()); err != nil {
				stop(fmt.Errorf("following the log of %s/%s: %w", ch.Job, ch.Activity, err))
			}
		})
		return nil
	})
	if err != nil {
		stop(err) // the logs of what still runs would go on
	}
	logs.Wait()
	if err := context.Cause(ctx); err != nil {
		return server.Run{}, err
	}
	return src.Run(ctx, id)
}

// hasLog says whether an activity got as far as having a log.
func hasLog(ch server.Change) bool {
	return ch.State == plan.Running || ch.State == plan.Done && ch.Result != plan.Skipped && ch.Result != plan.Canceled
}
