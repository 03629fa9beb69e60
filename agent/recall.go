package agent

import (
	"context"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// kept answers the jobs that are over for the agent, and of which it still has the logs and the last report: the newest first.
func (w *worker) kept() []wire.Claim {
	var claims []wire.Claim
	for _, c := range w.keep.claims() {
		if w.job(c) == nil && len(claims) < wire.MaxKept {
			claims = append(claims, c)
		}
	}
	return claims
}

// recall brings a job that is over to a server that wants it again.
func (w *worker) recall(ctx context.Context, c wire.Claim) {
	old, ok := w.keep.get(c)
	if !ok {
		return
	}
	j, in := w.newJob(ctx, wire.Offer{Claim: c}, plan.Job{})
	j.spool, j.recalled = &spool{dir: w.keep.dir}, true
	j.note = func(record) error { return nil } // it is noted where it is kept
	j.report, j.hold = old.Report, protocol.Recalled()
	j.report.Revision += revisionGap
	j.report.Phase, j.report.Result = wire.PhaseRunning, "" // until its logs are there
	close(j.ended)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.jobs[c] != nil {
		return
	}
	w.jobs[c] = j
	j.log().Info("the server wants a job again that was over", "result", old.Report.Result)
	w.running.Go(func() {
		defer j.drop(nil) // for the contexts' sake
		h := heritage{j: j, in: in, left: entry{Report: old.Report}}
		h.restoreLogs()
		j.conclude(in.life, executor.Outcome{Result: old.Report.Result, Cause: old.Report.Cause})
		j.forget(in)
	})
}
