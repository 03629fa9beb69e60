package server

import "github.com/tutti-ci/tutti/dsl/plan"

// LogEpoch is the epoch under which the logs of the current attempt at a job are, or 0 if that has not begun: the job's own epoch
// may still be that of the attempt that was lost.
func (j Job) LogEpoch() int64 {
	if n := len(j.Attempts); n > 0 && j.Attempts[n-1].Epoch == j.Epoch {
		return 0
	}
	return j.Epoch
}

// AsOf answers the job as it was at the end of the earlier attempt that has this epoch, if there is one.
func (j Job) AsOf(epoch int64) (Job, bool) {
	for i, a := range j.Attempts {
		if a.Epoch != epoch {
			continue
		}
		j.State, j.Result, j.Cause, j.Agent, j.Epoch = plan.Done, a.Result, a.Cause, a.Agent, a.Epoch
		j.StartedAt, j.FinishedAt, j.Activities, j.Attempts = a.StartedAt, &a.FinishedAt, a.Activities, j.Attempts[:i]
		j.WaitsFor, j.Note, j.Outputs = "", "", nil
		return j, true
	}
	return Job{}, false
}
