package api

import (
	"context"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Stored is runs as they are stored.
type Stored interface{ Runs }

// A View is runs as people see them now: what is stored, with what its queued jobs wait for, and with the length of logs
// that are still growing. The API and the pages read runs through it.
type View struct {
	Stored
	// Explain fills in what the queued jobs of a run wait for.
	Explain func(ctx context.Context, run *server.Run) error
	// LogInfo says how long a log is.
	LogInfo func(id server.LogID) (server.LogInfo, error)
}

// Run answers a run.
func (v *View) Run(ctx context.Context, id server.RunID) (server.Run, error) {
	run, err := v.Stored.Run(ctx, id)
	if err != nil {
		return run, err
	}
	for _, j := range run.Jobs {
		v.measure(run.ID, j.Name, j.LogEpoch(), j.Activities)
		for _, a := range j.Attempts {
			v.measure(run.ID, j.Name, a.Epoch, a.Activities)
		}
	}
	if run.State == plan.Done {
		return run, nil
	}
	return run, v.Explain(ctx, &run)
}

// measure fills in how long the logs of running activities are, and of lost ones, whose agents did not say it. That a log cannot be
// read is for its own page to say: the run can be read all the same.
func (v *View) measure(run server.RunID, job string, epoch int64, activities []server.Activity) {
	for i := range activities {
		act := &activities[i]
		if act.State != plan.Running && (act.Result != plan.Lost || act.LogBytes > 0) || epoch == 0 {
			continue
		}
		info, err := v.LogInfo(server.LogID{Run: run, Job: job, Epoch: epoch, Activity: act.Name})
		if err == nil {
			act.LogBytes = info.Bytes
		}
	}
}
