package agent

import (
	"context"
	"errors"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// missingPause is the time before logs are offered again of which the server says that bytes are missing.
const missingPause = time.Second

// conclude brings the end of a job to the server: first the last byte of its logs, then its result, until the server
// says that it has both.
func (j *job) conclude(ctx context.Context, outcome executor.Outcome) {
	j.w.ship.failOpen(j.claim, "the agent could not keep it to its end") // nothing writes any more
	for {
		broken, err := j.w.ship.settle(ctx, j.claim)
		if err != nil {
			return
		}
		err = j.revise(func(r *wire.Report) error {
			r.Phase, r.Result, r.Cause = wire.PhaseFinished, outcome.Result, brief(outcome.Cause)
			for i, a := range r.Activities {
				if a.State == plan.Running { // its end could not be noted
					r.Activities[i].State, r.Activities[i].Result, r.Activities[i].Cause = plan.Done, plan.Lost, r.Cause
				}
				if why := broken[a.Name]; why != "" {
					r.Activities[i].LogIncomplete = brief(why)
				}
			}
			return nil
		})
		if err != nil { // it is not safe on disk, but the server can be told all the same
			j.log().Error("the end of a job could not be noted", "error", err)
			j.w.poke()
		}
		j.mu.Lock()
		j.hold.Finished()
		j.mu.Unlock()
		select {
		case <-j.final:
			return
		case <-ctx.Done():
			return
		case <-j.missing:
		}
		select {
		case <-time.After(missingPause):
		case <-ctx.Done():
			return
		}
		j.w.ship.reopen(j.claim)
	}
}

// forget puts a job behind: the server knows all of it, or gave it up. If the agent ends instead, it says the rest when it runs again.
func (j *job) forget(in contexts) {
	if in.abandoned() {
		return
	}
	j.w.ship.drop(j.claim)
	if err := j.clear(); err != nil {
		j.log().Error("a job could not be forgotten", "error", err)
	}
	j.w.mu.Lock()
	delete(j.w.jobs, j.claim)
	j.w.mu.Unlock()
	close(j.gone)
	fill(j.w.less)
	j.w.poke()
}

// clear removes what the agent needed of a job, and puts the rest away for a server that should want it again.
func (j *job) clear() error {
	if j.recalled {
		return nil // it was put away before
	}
	j.mu.Lock()
	last := j.forDisk(j.report)
	j.mu.Unlock()
	// In this order: a job with tickets that the journal does not know would be taken for one that the journal lost.
	err := errors.Join(j.spool.dropTickets(j.claim), j.w.journal.forget(j.claim), j.w.vault.remove(j.claim))
	if last.Result == "" {
		return errors.Join(err, j.spool.remove(j.claim))
	}
	if output := j.withheld(last); output != "" {
		last.Result, last.Cause = plan.Lost, "a server that was restored asked for it again, and the agent does not keep "+output
	}
	return errors.Join(err, j.w.keep.put(last, j.spool.folder(j.claim)))
}

// reported takes in what the server says to a report.
func (j *job) reported(r wire.Reported) {
	switch {
	case r.Final:
		if err := j.w.trap("agent.after_result_before_ack"); err != nil {
			return
		}
		j.mu.Lock()
		j.hold.Final()
		j.mu.Unlock()
		fill(j.final)
	case r.Missing:
		fill(j.missing)
	}
}
