package store

import (
	"context"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// An agent ends its jobs itself when they take too long or are canceled, and one that is not heard of is the gateway's affair.
// What is here is for an agent that is heard of, and yet never brings a job to its end: no job runs for ever.
const (
	// afterTimeout is how long after a job's timeout its agent is told to end it.
	afterTimeout = 2 * time.Minute
	// lastWord is how long, beyond its fence, a job may go on of which all has to end.
	lastWord = 12 * time.Minute
)

// bound stores by when a job that starts now has to be over.
func (t *tx) bound(ctx context.Context, job server.JobRef, body string) error {
	var p struct{ Timeout plan.Duration }
	if err := fromJSON(body, &p); err != nil {
		return fmt.Errorf("reading plan of job: %w", err)
	}
	if p.Timeout <= 0 {
		return nil
	}
	deadline := t.now + (time.Duration(p.Timeout) + afterTimeout).Microseconds()
	if _, err := t.exec(ctx, `UPDATE jobs SET deadline = ? WHERE run = ? AND name = ?`, deadline, job.Run, job.Job); err != nil {
		return fmt.Errorf("storing deadline of job: %w", err)
	}
	return nil
}

// expireOverdue asks jobs to end that are over their time, and gives up those that were asked already.
func (t *tx) expireOverdue(ctx context.Context) error {
	type overdue struct {
		server.Claim
		level         int
		agent, reason string
	}
	all, err := collect(ctx, t.sql, func(row scanner) (o overdue, err error) {
		return o, row.Scan(&o.Run, &o.Job, &o.Epoch, &o.level, &o.agent, &o.reason)
	}, `SELECT j.run, j.name, j.epoch, j.cancel, a.name, j.cancel_reason FROM jobs j JOIN agents a ON a.id = j.agent
		WHERE j.phase = 'running' AND j.deadline <= ? ORDER BY j.deadline, j.run, j.position, j.part`, t.now)
	if err != nil {
		return fmt.Errorf("reading overdue jobs: %w", err)
	}
	for _, o := range all {
		if o.level < hard {
			err = t.askToEnd(ctx, o.Ref(), "its timeout is over, and agent "+o.agent+" goes on with it", hard)
		} else {
			err = t.finishJob(ctx, ending{Claim: o.Claim, result: plan.Lost, cause: o.reason + "; agent " + o.agent + " never reported its end", silent: true, final: true})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
