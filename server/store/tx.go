package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// A tx is one writing transaction. What it does to runs it notes; what follows from the notes is done, and the history stored,
// when it commits.
type tx struct {
	sql     *sql.Tx
	now     int64           // one time for all that happens in it
	changes []server.Change // see changed
	tell    []server.RunID  // see told

	disturbed []disturbance // see disturb
	runTurns  []turn        // groups of runs that may have become free
	jobTurns  []turn        // the same of jobs
}

// write runs do in a transaction, with all that follows from it, and tells OnChange once it is on disk.
func (db *DB) write(ctx context.Context, do func(*tx) error) error {
	begun, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return db.refuse(fmt.Errorf("starting transaction: %w", err))
	}
	t := &tx{sql: begun, now: micros(db.now())}
	err = do(t)
	if err == nil {
		err = t.settleAll(ctx)
	}
	if err == nil {
		err = t.storeChanges(ctx)
	}
	if err != nil {
		if undo := begun.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, fmt.Errorf("undoing transaction: %w", undo))
		}
		return db.refuse(err)
	}
	if err := begun.Commit(); err != nil {
		if undo := begun.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return db.refuse(fmt.Errorf("committing: %w", err))
	}
	db.wrote(ctx, len(t.changes))
	if db.OnChange != nil {
		for _, run := range t.tell {
			db.OnChange(run)
		}
	}
	return nil
}

// read runs do in a transaction that sees one state of the database throughout.
func (db *DB) read(ctx context.Context, do func(*sql.Tx) error) error {
	begun, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.trouble(fmt.Errorf("starting to read: %w", err))
	}
	err = do(begun)
	if undo := begun.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
		err = errors.Join(err, fmt.Errorf("ending to read: %w", undo))
	}
	return db.trouble(err)
}

// exec answers how many rows the statement changed, which is what guards look at.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := t.sql.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// draw takes n numbers from a counter and answers the first.
func (t *tx) draw(ctx context.Context, counter string, n int) (int64, error) {
	var last int64
	err := t.sql.QueryRowContext(ctx, `UPDATE counters SET value = value + ? WHERE name = ? RETURNING value`, n, counter).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("numbering %s: %w", counter, err)
	}
	return last - int64(n) + 1, nil
}

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// collect reads all rows of a query, each with scan.
func collect[T any](ctx context.Context, q querier, scan func(row scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is Err's
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

type scanner interface{ Scan(dest ...any) error }

func micros(t time.Time) int64 { return t.UnixMicro() }

func durationOf(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }

func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func timeOrNil(micros sql.NullInt64) *time.Time {
	if !micros.Valid {
		return nil
	}
	t := timeOf(micros.Int64)
	return &t
}

// asJSON is for lists and maps of plain values, which cannot fail to be written.
func asJSON(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("writing JSON: %w", err)
	}
	return string(data), nil
}

func fromJSON(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	return nil
}
