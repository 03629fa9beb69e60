package api

import (
	"context"
	"net/http"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A watch keeps an eye on the log of an activity: which one it is, whether it grows, and when it ends. It may be started
// before the job has begun.
type watch struct {
	api      *API
	id       server.LogID // its epoch is 0 until the job has begun
	fixed    bool         // the client asked for this epoch
	activity server.Activity
	// over says that nothing more of this log is to be expected, finished or not; gone, that it is of an earlier try, and
	// another one is current.
	over, gone bool

	grown   <-chan struct{} // nil until the job has begun
	changed <-chan struct{} // the run did
	stops   []func()
}

// watch starts to watch the log that the request names. Call stop when done.
func (a *API) watch(r *http.Request) (*watch, error) {
	run, err := runID(r)
	if err != nil {
		return nil, err
	}
	epoch, err := number(r, "epoch", 0, 1, 1<<62)
	if err != nil {
		return nil, err
	}
	w := &watch{api: a, fixed: epoch > 0}
	w.id = server.LogID{Run: run, Job: r.PathValue("job"), Epoch: epoch, Activity: r.PathValue("activity")}
	changed, stop := a.Bell.Listen(run) // before the first look, so that nothing falls between
	w.changed, w.stops = changed, append(w.stops, stop)
	if err := w.look(r.Context()); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

func (w *watch) stop() {
	for _, stop := range w.stops {
		stop()
	}
}

// look reads from the store how things are.
func (w *watch) look(ctx context.Context) error {
	run, err := w.api.Runs.Run(ctx, w.id.Run)
	if err != nil {
		return err
	}
	job, activity, err := find(run, w.id.Job, w.id.Activity)
	if err != nil {
		return err
	}
	if w.id.Epoch > job.Epoch {
		return server.Errorf(server.NotFound, "job %q of run %d has no epoch %d", job.Name, run.ID, w.id.Epoch)
	}
	if w.id.Epoch == 0 {
		w.id.Epoch = job.Epoch
	}
	if w.id.Epoch > 0 && w.grown == nil {
		grown, stop := w.api.Logs.Listen(w.id)
		w.grown, w.stops = grown, append(w.stops, stop)
	}
	w.activity = activity
	w.gone = w.id.Epoch != job.Epoch
	w.over = w.gone || job.LogOver(activity)
	return nil
}

// info answers how long the log is, and whether that is all.
func (w *watch) info() (server.LogInfo, error) {
	info, err := w.stored()
	info.Finished = info.Finished || w.over
	return info, err
}

// stored answers what the log store knows of the log. One of a job that has not begun is empty.
func (w *watch) stored() (server.LogInfo, error) {
	if w.id.Epoch == 0 {
		return server.LogInfo{}, nil
	}
	return w.api.Logs.Info(w.id)
}

// ended says whether the activity ended as well as its log, as info has it. A log may be complete before or after that.
func (w *watch) ended(info server.LogInfo) bool {
	return w.over || info.Finished && w.activity.State == plan.Done
}

// find looks a job and one of its activities up.
func find(run server.Run, job, activity string) (server.Job, server.Activity, error) {
	for _, j := range run.Jobs {
		if j.Name != job {
			continue
		}
		for _, act := range j.Activities {
			if act.Name == activity {
				return j, act, nil
			}
		}
		return j, server.Activity{}, server.Errorf(server.NotFound, "job %q of run %d has no activity %q", job, run.ID, activity)
	}
	return server.Job{}, server.Activity{}, server.Errorf(server.NotFound, "run %d has no job %q", run.ID, job)
}
