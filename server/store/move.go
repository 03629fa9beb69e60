package store

import (
	"context"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// Move moves all times along that are about what is not over, because the server's clock is set by that much: deadlines stay as far
// away as they are, and what has begun stays as old as it is. set, which sets the clock, is called while nothing else is stored.
func (db *DB) Move(ctx context.Context, by time.Duration, set func(by time.Duration)) error {
	was := false
	err := db.write(ctx, func(t *tx) error {
		n := by.Microseconds()
		for _, statement := range []string{
			`UPDATE jobs SET asked_at = asked_at + ?1, deadline = deadline + ?1, canceled_at = canceled_at + ?1, queued_at = queued_at + ?1,
				offered_at = offered_at + ?1, started_at = started_at + ?1, not_before = not_before + ?1 WHERE phase <> 'done'`,
			`UPDATE runs SET created_at = created_at + ?1, started_at = started_at + ?1, canceled_at = canceled_at + ?1 WHERE state <> 'done'`,
			`UPDATE activities SET started_at = started_at + ?1 WHERE state = 'running'`,
			`UPDATE counters SET value = value + ?1 WHERE name IN ('restored', 'backup') AND value > 0`,
		} {
			if _, err := t.exec(ctx, statement, n); err != nil {
				return fmt.Errorf("moving times: %w", err)
			}
		}
		// A schedule must not wait until a time comes again that never was.
		if _, err := t.exec(ctx, `UPDATE firings SET at = ? WHERE at > ?`, t.now+n, t.now+n); err != nil {
			return fmt.Errorf("moving times: %w", err)
		}
		if err := t.tellOpen(ctx); err != nil {
			return err
		}
		set(by)
		was = true
		return nil
	})
	if err != nil && was { // it was not stored
		set(-by)
	}
	return err
}

// tellOpen has OnChange called for all runs that are not over.
func (t *tx) tellOpen(ctx context.Context) error {
	runs, err := collect(ctx, t.sql, func(row scanner) (id server.RunID, err error) { return id, row.Scan(&id) }, `SELECT id FROM runs WHERE state <> 'done'`)
	if err != nil {
		return fmt.Errorf("reading runs: %w", err)
	}
	for _, id := range runs {
		t.told(id)
	}
	return nil
}
