package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A source is what following a run needs of a server. It waits for a server that is away for a while.
type source interface {
	RunPatiently(ctx context.Context, id server.RunID) (server.Run, error)
	// Changes tells the history in order; after a restore of the server from a backup it may begin once more, with lower numbers.
	Changes(ctx context.Context, id server.RunID, after int64, change func(server.Change) error) error
	LogOf(ctx context.Context, id server.LogID, from int64, follow bool, w io.Writer) error
}

// A view shows a run as it goes on. Its methods are called from several goroutines; it orders what it writes.
type view interface {
	// Jobs is told how the jobs of the run are: before all else, and again when there are more of them, or when an approval
	// changed. They may be further on than the changes.
	Jobs(jobs []server.Job)
	// Changed is told every change of the run, in order.
	Changed(ch server.Change)
	// Log answers where the bytes of an activity go, in an attempt at its job, which count from 1; the view is told their end by
	// Close.
	Log(job, activity string, attempt int) io.WriteCloser
}

// A choice is what is followed of a run: of these jobs, which are all if there are none, this activity, or all of them.
type choice struct {
	jobs     []string
	activity string
}

// has says whether an activity is among what is followed.
func (c choice) has(job, activity string) bool {
	return (len(c.jobs) == 0 || slices.Contains(c.jobs, job)) && (c.activity == "" || c.activity == activity)
}

// follow shows a run until it is done, with every byte of every log, and answers its end.
func follow(ctx context.Context, src source, id server.RunID, v view) (server.Run, error) {
	return followOnly(ctx, src, id, v, choice{})
}

// followOnly shows a part of a run until that is done. Of jobs that are chosen, earlier attempts are left out.
func followOnly(ctx context.Context, src source, id server.RunID, v view, only choice) (server.Run, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f := follower{
		src: src, id: id, view: v, only: only, stop: stop, jobs: map[string]server.Job{}, attempts: map[string]*attempt{}, first: map[string]int{},
		told: map[server.Change]bool{}, started: map[server.LogID]bool{}, ends: map[string]chan struct{}{},
	}
	err := f.learn(ctx)
	if err == nil {
		f.skipAttempts()
		err = src.Changes(ctx, id, 0, func(ch server.Change) error { return f.changed(ctx, ch) })
	}
	if err != nil && !errors.Is(err, errEnough) {
		stop(err) // the logs of what still runs would go on
	}
	f.logs.Wait()
	if err := context.Cause(ctx); err != nil {
		return server.Run{}, err
	}
	return src.RunPatiently(ctx, id)
}

// errEnough ends the history where all is done that is followed.
var errEnough = errors.New("enough was seen")

// A follower follows one run.
type follower struct {
	src      source
	id       server.RunID
	view     view
	only     choice
	stop     context.CancelCauseFunc
	logs     sync.WaitGroup
	jobs     map[string]server.Job // as they were learned last
	last     int64                 // number of the last change
	attempts map[string]*attempt   // by job
	first    map[string]int        // the first attempt at a job that is shown
	told     map[server.Change]bool
	started  map[server.LogID]bool    // logs that are followed
	ends     map[string]chan struct{} // of the last one of each "job/activity"
}

// An attempt is where the history is with a job.
type attempt struct {
	number int // from 1; 0 before it ran
	runs   bool
	done   bool
}

// learn reads what jobs there are, and tells the view.
func (f *follower) learn(ctx context.Context) error {
	run, err := f.src.RunPatiently(ctx, f.id)
	if err != nil {
		return err
	}
	for _, j := range run.Jobs {
		f.jobs[j.Name] = j
	}
	f.view.Jobs(run.Jobs)
	return nil
}

func (f *follower) skipAttempts() {
	for _, name := range f.only.jobs {
		f.first[name] = len(f.jobs[name].Attempts) + 1
	}
}

func (f *follower) changed(ctx context.Context, ch server.Change) error {
	if ch.Seq <= f.last { // the history begins once more
		clear(f.attempts)
	}
	f.last = ch.Seq
	// A matrix may get its instances late, and a change does not hold what an approval asks.
	if j, known := f.jobs[ch.Job]; ch.Job != "" && (!known || j.Kind == plan.KindApproval) {
		if err := f.learn(ctx); err != nil {
			return err
		}
	}
	if !f.told[ch] && (ch.Job == "" || f.only.has(ch.Job, f.only.activity)) {
		f.told[ch] = true
		f.view.Changed(ch)
	}
	if f.attempts[ch.Job] == nil {
		f.attempts[ch.Job] = &attempt{}
	}
	at := f.attempts[ch.Job]
	if ch.Kind == "job" {
		at.move(ch.State)
	}
	if ch.Kind == "activity" && f.only.has(ch.Job, ch.Activity) {
		if err := f.activityChanged(ctx, ch, max(1, at.number)); err != nil {
			return err
		}
	}
	if f.enough() {
		return errEnough
	}
	return nil
}

// move takes note of a job's state: one that runs after it was in the queue is in another attempt.
func (a *attempt) move(to plan.State) {
	if to == plan.Running && !a.runs {
		a.number++
	}
	a.runs, a.done = to == plan.Running, to == plan.Done
}

// enough says whether all is done that is followed.
func (f *follower) enough() bool {
	for _, name := range f.only.jobs {
		if at := f.attempts[name]; at == nil || !at.done {
			return false
		}
	}
	return len(f.only.jobs) > 0
}

// activityChanged begins to follow the log of an activity, once it has one.
func (f *follower) activityChanged(ctx context.Context, ch server.Change, number int) error {
	if !hasLog(ch) || number < f.first[ch.Job] {
		return nil
	}
	epoch, err := f.epochOf(ctx, ch.Job, number)
	if err != nil {
		return err
	}
	id := server.LogID{Run: f.id, Job: ch.Job, Epoch: epoch, Activity: ch.Activity}
	if !f.started[id] {
		f.started[id] = true
		f.followLog(ctx, id, number)
	}
	if f.only.activity != "" && ch.State == plan.Done && number > len(f.jobs[ch.Job].Attempts) {
		f.attempts[ch.Job].done = true // whatever becomes of the job
	}
	return nil
}

// followLog shows a log, after that of the attempt before.
func (f *follower) followLog(ctx context.Context, id server.LogID, number int) {
	key := id.Job + "/" + id.Activity
	before, end := f.ends[key], make(chan struct{})
	f.ends[key] = end
	w := f.view.Log(id.Job, id.Activity, number)
	f.logs.Go(func() {
		defer close(end)
		if before != nil {
			<-before
		}
		err := f.src.LogOf(ctx, id, 0, true, w)
		if err = errors.Join(err, w.Close()); err != nil {
			f.stop(fmt.Errorf("following the log of %s: %w", key, err))
		}
	})
}

// epochOf finds out under which epoch the logs of an attempt are; 0 is those of the current one.
func (f *follower) epochOf(ctx context.Context, job string, number int) (int64, error) {
	for range 2 {
		switch j := f.jobs[job]; {
		case number <= len(j.Attempts):
			return j.Attempts[number-1].Epoch, nil
		case number == len(j.Attempts)+1 && (j.State == plan.Running || j.State == plan.Done) && j.LogEpoch() > 0:
			return j.LogEpoch(), nil
		}
		if err := f.learn(ctx); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// hasLog says whether an activity got as far as having a log.
func hasLog(ch server.Change) bool {
	return ch.State == plan.Running || ch.State == plan.Done && ch.Result != plan.Skipped && ch.Result != plan.Canceled
}
