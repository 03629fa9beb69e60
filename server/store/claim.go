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

// QueuedJobs answers the jobs that an agent could take now, oldest first.
func (db *DB) QueuedJobs(ctx context.Context) ([]server.QueuedJob, error) {
	jobs, err := collect(ctx, db.reader, scanQueued, `SELECT j.run, j.name, r.project, r.commit_hash, j.os, j.arch, j.labels, j.queued_at, j.not_before,
			COALESCE((SELECT a.agent FROM attempts a WHERE a.run = j.run AND a.job = j.name ORDER BY a.epoch DESC LIMIT 1), '')
		FROM jobs j JOIN runs r ON r.id = j.run WHERE j.phase = 'queued' ORDER BY j.queued_at, j.run, j.position, j.part`)
	if err != nil {
		return nil, fmt.Errorf("reading queued jobs: %w", err)
	}
	return jobs, nil
}

func scanQueued(row scanner) (server.QueuedJob, error) {
	var j server.QueuedJob
	var labels string
	var at int64
	var notBefore sql.NullInt64
	if err := row.Scan(&j.Run, &j.Job, &j.Project, &j.Commit, &j.OS, &j.Arch, &labels, &at, &notBefore, &j.Avoid); err != nil {
		return j, err
	}
	j.QueuedAt = timeOf(at)
	if notBefore.Valid {
		j.NotBefore = timeOf(notBefore.Int64)
	}
	return j, fromJSON(labels, &j.Labels)
}

// Offer gives a queued job to an agent under a new epoch, which is spent whatever becomes of the offer. It answers a Conflict
// if somebody else was faster, or if it is too early: see QueuedJob.NotBefore.
func (db *DB) Offer(ctx context.Context, run server.RunID, job string, agent server.AgentID) (epoch int64, err error) {
	err = db.write(ctx, func(t *tx) error {
		var name string
		err := t.sql.QueryRowContext(ctx, `UPDATE jobs SET phase = 'offered', epoch = CASE WHEN epoch < `+floor+` THEN `+floor+` ELSE epoch END + 1,
				revision = 0, agent = ?, offered_at = ?
			WHERE run = ? AND name = ? AND phase = 'queued' AND COALESCE(not_before, 0) <= ?
			RETURNING epoch, (SELECT name FROM agents WHERE id = jobs.agent)`, agent, t.now, run, job, t.now).Scan(&epoch, &name)
		if errors.Is(err, sql.ErrNoRows) {
			return server.Errorf(server.Conflict, "job %q of run %d is not queued any more", job, run)
		}
		if err != nil {
			return fmt.Errorf("offering job: %w", err)
		}
		t.changed(server.Change{Run: run, Job: job, State: plan.Queued, WaitsFor: acceptText(name)})
		return nil
	})
	return epoch, err
}

// Accept starts an offered job: from now on it may run on its agent, and nowhere else; fence is for how long it may do so without
// a word. To accept it again changes nothing.
func (db *DB) Accept(ctx context.Context, c server.Claim, fence time.Duration) error {
	return db.write(ctx, func(t *tx) error {
		var matrix, body string
		err := t.sql.QueryRowContext(ctx, `UPDATE jobs SET phase = 'running', started_at = ?, fence = ?, cause = '', note = ''
			WHERE run = ? AND name = ? AND epoch = ? AND phase = 'offered' RETURNING matrix_of, plan`,
			t.now, fence.Microseconds(), c.Run, c.Job, c.Epoch).Scan(&matrix, &body)
		if errors.Is(err, sql.ErrNoRows) {
			return t.unless(ctx, c, running)
		}
		if err != nil {
			return fmt.Errorf("starting job: %w", err)
		}
		if err := t.bound(ctx, c.Ref(), body); err != nil {
			return err
		}
		t.jobChanged(c.Ref(), plan.Running, "", "")
		if err := t.beginMatrix(ctx, c.Run, matrix); err != nil {
			return err
		}
		return t.startRun(ctx, c.Run, plan.Queued, plan.Queued)
	})
}

// startRun notes that the first job of a run started, which was in one of these states.
func (t *tx) startRun(ctx context.Context, run server.RunID, was, or plan.State) error {
	n, err := t.exec(ctx, `UPDATE runs SET state = 'running', started_at = ? WHERE id = ? AND state IN (?, ?)`, t.now, run, was, or)
	if err != nil {
		return fmt.Errorf("starting run: %w", err)
	}
	if n > 0 {
		t.changed(server.Change{Run: run, State: plan.Running})
	}
	return nil
}

// Return puts a job that was offered and not accepted back into the queue, at its old place. To return it again changes
// nothing.
func (db *DB) Return(ctx context.Context, c server.Claim, reason string) error {
	return db.write(ctx, func(t *tx) error {
		n, err := t.exec(ctx, `UPDATE jobs SET phase = 'queued', agent = NULL, offered_at = NULL
			WHERE run = ? AND name = ? AND epoch = ? AND phase = 'offered'`, c.Run, c.Job, c.Epoch)
		if err != nil {
			return fmt.Errorf("returning job: %w", err)
		}
		if n == 0 {
			return t.unless(ctx, c, queued)
		}
		t.jobChanged(c.Ref(), plan.Queued, "", reason)
		return nil
	})
}

// HeldJobs answers the jobs that were offered to an agent or run there, by age.
func (db *DB) HeldJobs(ctx context.Context, agent server.AgentID) ([]server.HeldJob, error) {
	return db.heldJobs(ctx, ` AND j.agent = ?`, agent)
}

// AllHeldJobs answers the same of all agents, also of those that are not connected.
func (db *DB) AllHeldJobs(ctx context.Context) ([]server.HeldJob, error) {
	return db.heldJobs(ctx, ``)
}

func (db *DB) heldJobs(ctx context.Context, and string, args ...any) ([]server.HeldJob, error) {
	jobs, err := collect(ctx, db.reader, scanHeld, `SELECT j.run, j.name, j.epoch, j.agent, r.project, r.commit_hash, j.phase, j.offered_at,
			j.cancel, j.cancel_reason, j.fence
		FROM jobs j JOIN runs r ON r.id = j.run WHERE j.phase IN ('offered', 'running')`+and+` ORDER BY j.offered_at, j.run, j.position, j.part`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading held jobs: %w", err)
	}
	return jobs, nil
}

func scanHeld(row scanner) (server.HeldJob, error) {
	var h server.HeldJob
	var p phase
	var at int64
	var level int
	var fence int64
	err := row.Scan(&h.Run, &h.Job, &h.Epoch, &h.Agent, &h.Project, &h.Commit, &p, &at, &level, &h.Reason, &fence)
	h.Running, h.OfferedAt = p == running, timeOf(at)
	h.Cancel, h.Hard, h.Fence = level >= soft, level >= hard, durationOf(fence)
	return h, err
}

// unless answers that the claim is stale, unless it is in the phase that it was to be brought to: messages may be repeated.
func (t *tx) unless(ctx context.Context, c server.Claim, wanted phase) error {
	var p phase
	err := t.sql.QueryRowContext(ctx, `SELECT phase FROM jobs WHERE run = ? AND name = ? AND epoch = ?`, c.Run, c.Job, c.Epoch).Scan(&p)
	switch {
	case err == nil && p == wanted:
		return nil
	case err == nil || errors.Is(err, sql.ErrNoRows):
		return stale(c)
	}
	return fmt.Errorf("reading job: %w", err)
}

// stale is the answer to whoever speaks under an epoch that is over.
func stale(c server.Claim) error {
	return &server.Error{
		Kind:    server.Conflict,
		Message: fmt.Sprintf("epoch %d of job %q of run %d is over", c.Epoch, c.Job, c.Run),
		Err:     server.ErrStale,
	}
}
