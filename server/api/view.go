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
	if err != nil || run.State == plan.Done {
		return run, err
	}
	if err := v.Explain(ctx, &run); err != nil {
		return run, err
	}
	for i := range run.Jobs {
		if err := v.measure(run.ID, &run.Jobs[i]); err != nil {
			return run, err
		}
	}
	return run, nil
}

// measure fills in how long the logs of running activities are.
func (v *View) measure(run server.RunID, job *server.Job) error {
	for i := range job.Activities {
		act := &job.Activities[i]
		if act.State != plan.Running {
			continue
		}
		info, err := v.LogInfo(server.LogID{Run: run, Job: job.Name, Epoch: job.Epoch, Activity: act.Name})
		if err != nil {
			return err
		}
		act.LogBytes = info.Bytes
	}
	return nil
}
