package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// errRestarted is why a job is lost that another process of this agent ran.
var errRestarted = errors.New("the agent was restarted while it ran")

// revisionGap is added to the last revision that the journal holds, because the server may have seen some that a power
// loss took from it.
const revisionGap = 1 << 20

// resumeAll takes up the jobs that the process before left. Those that never started are none of ours any more: the server
// sees that they are not in Hello.
func (w *worker) resumeAll(ctx context.Context) {
	var claims []wire.Claim
	for _, e := range w.left {
		if !e.Started {
			if err := w.journal.forget(e.Offer.Claim); err != nil {
				w.log.Error("a job could not be forgotten", "error", err)
			}
			continue
		}
		var p plan.Job
		if err := json.Unmarshal(e.Offer.Plan, &p); err != nil {
			w.log.Error("the journal holds a plan that cannot be read", "error", err)
		}
		claims = append(claims, e.Offer.Claim)
		j, life, _, soft := w.newJob(ctx, e.Offer, p)
		if e.Report.Revision > 0 {
			j.report = e.Report
		}
		j.report.Revision += revisionGap
		j.report.Phase, j.report.Result = wire.PhaseRunning, "" // until its logs are there
		j.accepted = true
		close(j.ended)
		w.mu.Lock()
		w.jobs[j.claim] = j
		w.mu.Unlock()
		w.running.Go(func() { j.resume(life, soft, e.Report) })
	}
	if err := w.spool.keepOnly(claims); err != nil {
		w.log.Error("the spool holds what it should not", "error", err)
	}
}

// resume brings what is left of a job to the server: its logs to the last byte, and that it is lost, unless it had ended.
func (j *job) resume(life, soft context.Context, last wire.Report) {
	defer j.discard() // for the contexts' sake
	select {
	case <-j.w.health.swept: // from now on nothing of it runs
	case <-soft.Done(): // who canceled it does not wait for an engine that may never answer
	}
	if life.Err() != nil {
		j.forget(life)
		return
	}
	outcome := executor.Outcome{Result: last.Result, Cause: last.Cause}
	if why := j.forgotten(last); why != "" && last.Result != "" {
		outcome = executor.Outcome{Result: plan.Lost, Cause: why}
	}
	err := j.revise(func(r *wire.Report) error {
		broken := ""
		for i := range r.Activities {
			broken = j.resumeActivity(&r.Activities[i], broken)
		}
		if last.Result == "" {
			outcome = executor.Outcome{Result: plan.Lost, Cause: errRestarted.Error()}
		}
		return nil
	})
	if err != nil {
		j.log().Error("a job could not be taken up", "error", err)
	}
	j.conclude(life, outcome)
	j.forget(life)
}

// resumeActivity ends an activity that had not ended, and takes up its log. It answers the activity that was running.
func (j *job) resumeActivity(a *wire.ActivityReport, broken string) string {
	hadLog := a.State == plan.Running || a.LogSHA256 != ""
	switch a.State {
	case plan.Running:
		broken = a.Name
		a.State, a.Result, a.Cause = plan.Done, plan.Lost, errRestarted.Error()
	case plan.Waiting:
		a.State, a.Result, a.Cause = plan.Done, plan.Skipped, "the agent was restarted before it"
		if broken != "" {
			a.Cause = broken + " was lost before it"
		}
	}
	if !hadLog {
		return broken
	}
	length, hash, marks, err := j.w.spool.measure(j.claim, a.Name)
	switch {
	case errors.Is(err, os.ErrNotExist) && a.LogSHA256 == "":
		return broken // it had no time to make one
	case err != nil:
		a.LogIncomplete = brief(err.Error())
		return broken
	case a.LogSHA256 == "":
		a.LogBytes, a.LogSHA256 = length, hash
	case a.LogSHA256 != hash:
		j.log().Error("the spool lost bytes", "activity", a.Name, "had", a.LogBytes, "has", length)
		a.LogIncomplete = fmt.Sprintf("the agent's spool holds %d of its %d bytes after a restart", length, a.LogBytes)
	}
	j.w.ship.addWhole(j.stream(a.Name), length, marks)
	return broken
}
