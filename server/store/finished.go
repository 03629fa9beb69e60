package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/tutti-ci/tutti/server"
)

// maxFinished bounds one answer of FinishedRuns.
const maxFinished = 100

// FinishedRuns answers runs that ended after that number of the history, in the order in which they did, without their
// jobs, and the number of the last of them; the same number if there is none.
func (db *DB) FinishedRuns(ctx context.Context, after int64) (runs []server.Run, last int64, err error) {
	last = after
	err = db.read(ctx, func(q *sql.Tx) error {
		ends, err := collect(ctx, q, scanChange, selectChanges+` WHERE kind = 'run' AND state = 'done' AND seq > ? ORDER BY seq LIMIT ?`, after, maxFinished)
		if err != nil {
			return err
		}
		for _, end := range ends {
			r, err := scanRun(q.QueryRowContext(ctx, selectRuns+` WHERE id = ?`, end.Run))
			if err != nil {
				return err
			}
			runs, last = append(runs, r), end.Seq
		}
		return nil
	})
	if err != nil {
		return nil, after, fmt.Errorf("reading runs that ended: %w", err)
	}
	return runs, last, nil
}

// FinishedCursor answers up to which number of the history the ends of runs have been dealt with.
func (db *DB) FinishedCursor(ctx context.Context) (int64, error) {
	var seq int64
	if err := db.reader.QueryRowContext(ctx, `SELECT value FROM cursors WHERE name = 'finished'`).Scan(&seq); err != nil {
		return 0, fmt.Errorf("reading cursor: %w", err)
	}
	return seq, nil
}

// StartAfter stores that the ends of runs have been dealt with up to that number, together with the runs that they start:
// both or neither. It answers a Conflict if somebody else has dealt with them.
func (db *DB) StartAfter(ctx context.Context, seq int64, starts []server.NewRun) ([]server.Run, error) {
	return db.start(ctx, starts, func(t *tx) error {
		n, err := t.exec(ctx, `UPDATE cursors SET value = ? WHERE name = 'finished' AND value < ?`, seq, seq)
		if err != nil {
			return fmt.Errorf("storing cursor: %w", err)
		}
		if n == 0 {
			return server.Errorf(server.Conflict, "the ends of runs up to number %d have been dealt with already", seq)
		}
		return nil
	})
}
