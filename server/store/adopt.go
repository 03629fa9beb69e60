package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// floor is below all epochs of this generation, and not below any of an earlier one; 0 before the first restore. A job can have 2^20
// epochs between two restores.
const floor = `(SELECT value FROM counters WHERE name = 'generation') * 1048576`

// Standings answers how it stands with jobs, whoever has them. Those that there are not are left out.
func (db *DB) Standings(ctx context.Context, jobs []server.JobRef) (map[server.JobRef]server.JobStanding, error) {
	all := make(map[server.JobRef]server.JobStanding, len(jobs))
	err := db.read(ctx, func(q *sql.Tx) error {
		look, err := q.PrepareContext(ctx, `SELECT phase, COALESCE(agent, ''), epoch, `+floor+`, cancel, cancel_reason, fence FROM jobs WHERE run = ? AND name = ?`)
		if err != nil {
			return err
		}
		defer func() { _ = look.Close() }() // the transaction's end closes it as well
		for _, j := range jobs {
			s, err := scanStanding(look.QueryRowContext(ctx, j.Run, j.Job))
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			all[j] = s
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading how it stands with jobs: %w", err)
	}
	return all, nil
}

func scanStanding(row scanner) (s server.JobStanding, err error) {
	var p phase
	var level int
	var micros int64
	if err := row.Scan(&p, &s.Agent, &s.Epoch, &s.Floor, &level, &s.Reason, &micros); err != nil {
		return s, err
	}
	s.Offered, s.Running, s.Done = p == offered, p == running, p == done || p == concluding
	if !s.Offered && !s.Running {
		s.Agent = ""
	}
	s.Cancel, s.Hard, s.Fence = level >= soft, level >= hard, durationOf(micros)
	return s, nil
}

// AdoptClaim takes in a try at a job of which the database knows nothing, because it was restored from a backup that is older:
// the job runs there from now on, with that fence. If it is lost, QueuedJob.NotBefore holds as before: a still later try, which nobody
// spoke of yet, may live elsewhere. It answers a Conflict that is server.ErrStale for a try that is over, or that
// there cannot be.
func (db *DB) AdoptClaim(ctx context.Context, agent server.AgentID, c server.Claim, fence time.Duration) error {
	return db.write(ctx, func(t *tx) error { return t.adopt(ctx, agent, c, fence) })
}

// adopt takes a try in, if nothing speaks against it. What is to be planned yet cannot be: nobody here knows what it is.
func (t *tx) adopt(ctx context.Context, agent server.AgentID, c server.Claim, fence time.Duration) error {
	var p phase
	var body, matrix, name string
	err := t.sql.QueryRowContext(ctx, `SELECT phase, plan, matrix_of, (SELECT name FROM agents WHERE id = ?) FROM jobs
		WHERE run = ? AND name = ? AND kind = '' AND deferred = 0 AND phase NOT IN ('done', 'concluding') AND epoch < ? AND ? <= `+floor,
		agent, c.Run, c.Job, c.Epoch, c.Epoch).Scan(&p, &body, &matrix, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return stale(c)
	}
	if err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	var planned plan.Job
	if err := fromJSON(body, &planned); err != nil {
		return fmt.Errorf("reading plan of job: %w", err)
	}
	if p == running {
		lost := ending{Claim: c, result: plan.Lost, cause: "the backup that the server was restored from knew no later attempt"}
		if err := t.endActivities(ctx, c.Ref(), endOf(lost.result, lost.cause)); err != nil {
			return err
		}
		if err := t.keepAttempt(ctx, lost, planned); err != nil {
			return err
		}
	}
	if err := t.resetActivities(ctx, c.Ref(), planned); err != nil {
		return err
	}
	note := "taken in again after the restore: agent " + name + " has it"
	_, err = t.exec(ctx, `UPDATE jobs SET phase = 'running', epoch = ?, revision = 0, agent = ?, cause = CASE WHEN cancel = 0 THEN '' ELSE cause END, note = ?, fence = ?,
			queued_at = COALESCE(queued_at, ?), offered_at = COALESCE(offered_at, ?), started_at = COALESCE(started_at, ?), deadline = NULL
		WHERE run = ? AND name = ?`, c.Epoch, agent, note, fence.Microseconds(), t.now, t.now, t.now, c.Run, c.Job)
	if err != nil {
		return fmt.Errorf("taking job in: %w", err)
	}
	t.changed(server.Change{Run: c.Run, Job: c.Job, State: plan.Running, Note: note})
	if err := t.bound(ctx, c.Ref(), body); err != nil {
		return err
	}
	if err := t.beginMatrix(ctx, c.Run, matrix); err != nil {
		return err
	}
	return t.startRun(ctx, c.Run, plan.Queued, plan.Waiting)
}
