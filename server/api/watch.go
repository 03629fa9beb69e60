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
	api *API
	id  server.LogID // its epoch is 0 until the job has begun
	// fixed says that the client asked for this epoch, and wants no other. settled says that the log stays this one: else it is
	// that of the job's current attempt, which may become another one before anything is sent of it.
	fixed, settled bool
	// patient says that the client waits for an epoch that is not known: after a restore, agents tell the server of it.
	patient  bool
	activity server.Activity
	// over says that nothing more of this log is to be expected, finished or not; gone, that it is of an earlier attempt, and
	// another one is current.
	over, gone bool

	grown     <-chan struct{} // nil until the job has begun
	stopGrown func()
	changed   <-chan struct{} // the run did
	stopRun   func()
}

// watch starts to watch the log that the request names: that of the epoch that it asks for, or of the job's current attempt. With
// latest=1 the epoch is what the client has seen so far of the current attempt. Call stop when done.
func (a *API) watch(r *http.Request) (*watch, error) {
	run, err := runID(r)
	if err != nil {
		return nil, err
	}
	epoch, err := number(r, "epoch", 0, 1, 1<<62)
	if err != nil {
		return nil, err
	}
	latest, err := flag(r, "latest")
	if err != nil {
		return nil, err
	}
	follow, err := flag(r, "follow")
	if err != nil {
		return nil, err
	}
	w := &watch{api: a, fixed: epoch > 0 && !latest, settled: epoch > 0, patient: follow, stopGrown: func() {}}
	w.id = server.LogID{Run: run, Job: r.PathValue("job"), Epoch: epoch, Activity: r.PathValue("activity")}
	w.changed, w.stopRun = a.Bell.Listen(run) // before the first look, so that nothing falls between
	if err := w.look(r.Context()); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

func (w *watch) stop() {
	w.stopRun()
	w.stopGrown()
}

// settle says that something was sent of the log, so that it must stay this one.
func (w *watch) settle() { w.settled = true }

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
	unknown := w.fixed && w.id.Epoch > job.Epoch
	if unknown && (!w.patient || job.State == plan.Done) {
		return server.Errorf(server.NotFound, "job %q of run %d has no epoch %d", job.Name, run.ID, w.id.Epoch)
	}
	current := job.LogEpoch()
	if !w.settled && w.id.Epoch != current {
		w.id.Epoch = current
		w.unlisten()
	}
	w.listen()
	w.gone = w.id.Epoch != current && !unknown
	if old, ok := job.AsOf(w.id.Epoch); ok && w.gone {
		if _, activity, err = findActivity(run.ID, old, w.id.Activity); err != nil {
			return err
		}
	}
	w.activity = activity
	w.over = w.gone || job.LogOver(activity)
	return nil
}

// listen makes sure that the growth of the log is heard, if there can be any.
func (w *watch) listen() {
	if w.id.Epoch > 0 && w.grown == nil {
		w.grown, w.stopGrown = w.api.Logs.Listen(w.id)
	}
}

func (w *watch) unlisten() {
	w.stopGrown()
	w.grown, w.stopGrown = nil, func() {}
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
		if j.Name == job {
			return findActivity(run.ID, j, activity)
		}
	}
	return server.Job{}, server.Activity{}, server.Errorf(server.NotFound, "run %d has no job %q", run.ID, job)
}

func findActivity(run server.RunID, j server.Job, name string) (server.Job, server.Activity, error) {
	for _, act := range j.Activities {
		if act.Name == name {
			return j, act, nil
		}
	}
	return j, server.Activity{}, server.Errorf(server.NotFound, "job %q of run %d has no activity %q", j.Name, run, name)
}
