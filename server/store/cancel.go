package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Cancel asks for the end of a run; reason is the sentence that people will read, as in "canceled by dana". Jobs that do not
// run yet end at once. Those that run are marked, durably: HeldJobs says so until their agents report their ends. To cancel
// again changes nothing, not even the reason; a run that is done answers a Conflict.
func (db *DB) Cancel(ctx context.Context, id server.RunID, reason string) error {
	if reason == "" {
		reason = "canceled"
	}
	return db.write(ctx, func(t *tx) error {
		first, err := t.markCanceled(ctx, id, reason)
		if err != nil || !first {
			return err
		}
		return t.cancelJobs(ctx, id, reason)
	})
}

// markCanceled notes the reason on the run; first says that nobody had canceled it before.
func (t *tx) markCanceled(ctx context.Context, id server.RunID, reason string) (first bool, err error) {
	var state plan.State
	n, err := t.exec(ctx, `UPDATE runs SET cancel_reason = ?, cause = ? WHERE id = ? AND state <> 'done' AND cancel_reason = ''`, reason, reason, id)
	if err != nil {
		return false, fmt.Errorf("canceling run: %w", err)
	}
	var result plan.Result
	err = t.sql.QueryRowContext(ctx, `SELECT state, result FROM runs WHERE id = ?`, id).Scan(&state, &result)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, server.Errorf(server.NotFound, "there is no run %d", id)
	case err != nil:
		return false, fmt.Errorf("canceling run: %w", err)
	case state == plan.Done:
		return false, server.Errorf(server.Conflict, "run %d is done already (%s)", id, result)
	case n == 0:
		return false, nil
	}
	t.changed(server.Change{Run: id, State: state, Cause: reason})
	return true, nil
}

func (t *tx) cancelJobs(ctx context.Context, id server.RunID, reason string) error {
	nodes, err := t.graph(ctx, id)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		job := server.JobRef{Run: id, Job: n.name}
		switch n.phase {
		case waiting, queued, offered:
			err = t.endUnstarted(ctx, job, plan.Canceled, reason)
		case running:
			err = t.askToEnd(ctx, job, reason)
		}
		if err != nil {
			return err
		}
	}
	return t.settle(ctx, id)
}

// askToEnd marks a running job.
func (t *tx) askToEnd(ctx context.Context, job server.JobRef, reason string) error {
	n, err := t.exec(ctx, `UPDATE jobs SET cancel = 1, cause = ? WHERE run = ? AND name = ? AND phase = 'running'`, reason, job.Run, job.Job)
	if err != nil {
		return fmt.Errorf("canceling job: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("canceling job %q: it does not run any more", job.Job)
	}
	t.jobChanged(job, plan.Running, "", reason)
	return nil
}
