package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// afterCancel is how long what runs after a cancellation may run.
const afterCancel = 10 * time.Minute

// Expire does what time alone brings: approvals that nobody gave in time fail, what still runs after a cancellation ends, and
// jobs are given up whose agents go on with them whatever they are told.
// It answers when there will be something to expire next; the zero time if nothing waits for that.
func (db *DB) Expire(ctx context.Context) (next time.Time, err error) {
	if next, err = db.nextExpiry(ctx); err != nil || next.IsZero() || next.After(db.now()) {
		return next, err
	}
	err = db.write(ctx, func(t *tx) error {
		if err := t.expireApprovals(ctx); err != nil {
			return err
		}
		if err := t.expireCanceled(ctx); err != nil {
			return err
		}
		return t.expireOverdue(ctx)
	})
	if err != nil {
		return time.Time{}, err
	}
	return db.nextExpiry(ctx)
}

func (db *DB) nextExpiry(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	err := db.reader.QueryRowContext(ctx, `SELECT MIN(at) FROM (
			SELECT MIN(deadline) AS at FROM jobs WHERE phase = 'asked'
			UNION ALL SELECT MIN(canceled_at) + ? FROM runs WHERE cancel = 1 AND state <> 'done'
			UNION ALL SELECT MIN(canceled_at) + ? FROM jobs WHERE cancel = 1 AND phase = 'running'
			UNION ALL SELECT MIN(deadline) FROM jobs WHERE phase = 'running'
		) AS ends`, afterCancel.Microseconds(), afterCancel.Microseconds()).Scan(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading next deadline: %w", err)
	}
	if !at.Valid {
		return time.Time{}, nil
	}
	return timeOf(at.Int64), nil
}

func (t *tx) expireApprovals(ctx context.Context) error {
	type late struct {
		server.JobRef
		patience plan.Duration
	}
	all, err := collect(ctx, t.sql, func(row scanner) (l late, err error) {
		var micros int64
		err = row.Scan(&l.Run, &l.Job, &micros)
		l.patience = plan.Duration(time.Duration(micros) * time.Microsecond)
		return l, err
	}, `SELECT run, name, deadline - asked_at FROM jobs WHERE phase = 'asked' AND deadline <= ? ORDER BY deadline, run, position`, t.now)
	if err != nil {
		return fmt.Errorf("reading approvals: %w", err)
	}
	for _, l := range all {
		t.disturb(l.Run, l.Job)
		if err := t.end(ctx, l.JobRef, plan.Failed, "nobody approved within "+l.patience.String(), `phase = 'asked'`); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) expireCanceled(ctx context.Context) error {
	long := t.now - afterCancel.Microseconds()
	runs, err := collect(ctx, t.sql, func(row scanner) (id server.RunID, err error) { return id, row.Scan(&id) },
		`SELECT id FROM runs WHERE cancel = 1 AND state <> 'done' AND canceled_at <= ? ORDER BY id`, long)
	if err != nil {
		return fmt.Errorf("reading canceled runs: %w", err)
	}
	for _, id := range runs {
		if err := t.cancelRun(ctx, id, "", hard); err != nil {
			return err
		}
	}
	jobs, err := collect(ctx, t.sql, func(row scanner) (j server.JobRef, err error) { return j, row.Scan(&j.Run, &j.Job) },
		`SELECT run, name FROM jobs WHERE cancel = 1 AND phase = 'running' AND canceled_at <= ? ORDER BY run, position, part`, long)
	if err != nil {
		return fmt.Errorf("reading canceled jobs: %w", err)
	}
	for _, j := range jobs {
		if err := t.askToEnd(ctx, j, "", hard); err != nil {
			return err
		}
	}
	return nil
}
