package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// How much of something has to end.
const (
	soft = 1 // all but what runs after a cancellation
	hard = 2 // all
)

// Cancel asks for the end of a run; reason is the sentence that people will read, as in "canceled by dana". Nodes that do not
// run yet end at once. Jobs that run are marked, durably: HeldJobs says so until their agents report their ends. Nodes whose
// run_on is "always" go on, unless the run still waits for its turn: to cancel a second time ends these as well. The reason
// stays the first one. To cancel once more changes nothing; a run that is done answers a Conflict.
func (db *DB) Cancel(ctx context.Context, id server.RunID, reason string) error {
	if reason == "" {
		reason = "canceled"
	}
	return db.write(ctx, func(t *tx) error {
		var state plan.State
		var result plan.Result
		var level int
		err := t.sql.QueryRowContext(ctx, `SELECT state, result, cancel FROM runs WHERE id = ?`, id).Scan(&state, &result, &level)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return server.Errorf(server.NotFound, "there is no run %d", id)
		case err != nil:
			return fmt.Errorf("canceling run: %w", err)
		case state == plan.Done:
			return server.Errorf(server.Conflict, "run %d is done already (%s)", id, result)
		case level == 0:
			return t.cancelRun(ctx, id, reason, soft)
		}
		return t.cancelRun(ctx, id, reason, hard)
	})
}

// cancelRun cancels a run, unless it was so, or more so, already.
func (t *tx) cancelRun(ctx context.Context, id server.RunID, reason string, level int) error {
	var state plan.State
	err := t.sql.QueryRowContext(ctx, `UPDATE runs SET cancel = ?, canceled_at = COALESCE(canceled_at, ?),
			cause = CASE WHEN cancel = 0 THEN ? ELSE cause END, cancel_reason = CASE WHEN cancel = 0 THEN ? ELSE cancel_reason END
		WHERE id = ? AND state <> 'done' AND cancel < ? RETURNING state, cancel_reason`,
		level, t.now, reason, reason, id, level).Scan(&state, &reason)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("canceling run: %w", err)
	}
	t.changed(server.Change{Run: id, State: state, Cause: reason})
	if state == plan.Waiting { // nothing has run, so nothing is to be cleaned up
		level = hard
	}
	t.disturb(id)
	return t.cancelNodes(ctx, id, reason, level)
}

func (t *tx) cancelNodes(ctx context.Context, id server.RunID, reason string, level int) error {
	nodes, err := collect(ctx, t.sql, scanNode, selectNodes+` WHERE run = ? AND phase <> 'done' ORDER BY position, part`, id)
	if err != nil {
		return fmt.Errorf("reading jobs of run: %w", err)
	}
	for _, n := range nodes {
		if level == soft && n.RunOn == plan.OnAlways {
			continue
		}
		job := server.JobRef{Run: id, Job: n.Name}
		switch n.phase {
		case opened, begun: // ends with its instances
		case running:
			err = t.askToEnd(ctx, job, reason, level)
		case concluding:
			if level == hard { // whatever keeps the compiler from answering
				err = t.concludeWithout(ctx, job, reason)
			}
		default:
			err = t.endUnstarted(ctx, job, plan.Canceled, reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// askToEnd marks a running job, unless it was so, or more so, already. The reason stays the first one.
func (t *tx) askToEnd(ctx context.Context, job server.JobRef, reason string, level int) error {
	err := t.sql.QueryRowContext(ctx, `UPDATE jobs SET cancel = ?, canceled_at = COALESCE(canceled_at, ?),
			deadline = CASE WHEN ? = 2 THEN ? + fence ELSE deadline END,
			cause = CASE WHEN cancel = 0 THEN ? ELSE cause END, cancel_reason = CASE WHEN cancel = 0 THEN ? ELSE cancel_reason END
		WHERE run = ? AND name = ? AND phase = 'running' AND cancel < ? RETURNING cancel_reason`,
		level, t.now, level, t.now+lastWord.Microseconds(), reason, reason, job.Run, job.Job, level).Scan(&reason)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("canceling job: %w", err)
	}
	t.jobChanged(job, plan.Running, "", reason)
	return nil
}
