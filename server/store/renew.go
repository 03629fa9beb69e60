package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Snapshot writes the database as it is at one moment into a new file. Nobody waits for it.
func (db *DB) Snapshot(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // SQLite would let everybody read it
	if err != nil {
		return fmt.Errorf("copying database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("copying database: %w", err)
	}
	from, err := sql.Open("sqlite", urlOf(db.path)+"?_pragma=busy_timeout(10000)&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		return fmt.Errorf("copying database: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if _, err := from.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return fmt.Errorf("copying database: %w", err)
	}
	return nil
}

// Given are the numbers that a database has given out last.
type Given struct{ Run, Change, Generation int64 }

// Given answers them.
func (db *DB) Given(ctx context.Context) (Given, error) {
	var g Given
	_, err := collect(ctx, db.reader, func(row scanner) (struct{}, error) {
		var name string
		var value int64
		err := row.Scan(&name, &value)
		switch name {
		case "run":
			g.Run = value
		case "change":
			g.Change = value
		case "generation":
			g.Generation = value
		}
		return struct{}{}, err
	}, `SELECT name, value FROM counters`)
	if err != nil {
		return Given{}, db.trouble(fmt.Errorf("reading counters: %w", err))
	}
	return g, nil
}

// GivenAt answers the numbers of the database at a path that nobody has open, and changes nothing there.
func GivenAt(ctx context.Context, path string) (g Given, err error) {
	if _, err := os.Stat(path); err != nil {
		return g, fmt.Errorf("reading counters: %w", err)
	}
	reader, err := sql.Open("sqlite", urlOf(path)+"?mode=ro")
	if err != nil {
		return g, fmt.Errorf("reading counters: %w", err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return (&DB{reader: reader}).Given(ctx)
}

// A Renewal is what makes a database out of a backup one that can go on.
type Renewal struct {
	Backup time.Time // when the backup was made
	// After are the numbers of the database whose place this one takes, as far as they are known.
	After Given
	// GiveUp answers how long after the last word from its agent a job counts as lost, given its fence; 0 is the server's own.
	GiveUp func(fence time.Duration) time.Duration
}

// spare is how many runs, at least, may have been made since the last that is known: after the backup, or by a server that went on until
// its data was exchanged. Their numbers are not used again.
const spare = 1000

// Renew begins a new generation: nothing that it gives out, be it the number of a run, an epoch, or a number of the history, was ever
// given out by the database that the backup was made of. A job that may run somewhere, for all that the backup knows, is not
// given out before it must have ended.
func (db *DB) Renew(ctx context.Context, r Renewal) error {
	return db.write(ctx, func(t *tx) error {
		for _, statement := range []struct {
			text string
			args []any
		}{
			{`UPDATE counters SET value = ((CASE WHEN value < ? THEN ? ELSE value END) + ? + 999) / 1000 * 1000 WHERE name = 'run'`,
				[]any{r.After.Run, r.After.Run, spare}},
			{`UPDATE counters SET value = CASE WHEN value < ? THEN ? ELSE value END + 1000000000 WHERE name = 'change'`, []any{r.After.Change, r.After.Change}},
			{`UPDATE counters SET value = CASE WHEN value < ? THEN ? ELSE value END + 1 WHERE name = 'generation'`, []any{r.After.Generation, r.After.Generation}},
			{`UPDATE counters SET value = ? WHERE name = 'restored'`, []any{t.now}},
			{`UPDATE counters SET value = ? WHERE name = 'backup'`, []any{micros(r.Backup)}},
		} {
			if _, err := t.exec(ctx, statement.text, statement.args...); err != nil {
				return fmt.Errorf("beginning a new generation: %w", err)
			}
		}
		if err := t.hold(ctx, t.now, r.GiveUp, ``); err != nil {
			return err
		}
		return t.withdrawOffers(ctx)
	})
}

// HoldLonger holds jobs back for longer that a restore holds back, if that is what giveUp says. Whoever restores a database beside a server
// does not know what time its agents were given; the server that goes on with it does.
func (db *DB) HoldLonger(ctx context.Context, giveUp func(fence time.Duration) time.Duration) error {
	restored, _, ok, err := db.Restored(ctx)
	if err != nil || !ok {
		return err
	}
	return db.write(ctx, func(t *tx) error { return t.hold(ctx, micros(restored), giveUp, ` AND not_before IS NOT NULL`) })
}

// hold says of each job that is not over, and that the condition names, when it may be given out at the earliest, after a restore at that
// time; never earlier than was said before. Of a matrix whose instances the backup does not know yet they take it over.
func (t *tx) hold(ctx context.Context, restored int64, giveUp func(time.Duration) time.Duration, and string) error {
	type open struct {
		server.JobRef
		fence time.Duration
	}
	jobs, err := collect(ctx, t.sql, func(row scanner) (o open, err error) {
		var body string
		var granted int64
		if err := row.Scan(&o.Run, &o.Job, &body, &granted); err != nil {
			return o, err
		}
		var p struct{ Fence plan.Duration }
		err = fromJSON(body, &p)
		o.fence = max(time.Duration(p.Fence), durationOf(granted))
		return o, err
	}, `SELECT run, name, plan, fence FROM jobs WHERE phase <> 'done' AND kind IN ('', 'matrix')`+and)
	if err != nil {
		return fmt.Errorf("reading jobs that are not over: %w", err)
	}
	for _, j := range jobs {
		at := restored + giveUp(j.fence).Microseconds()
		_, err := t.exec(ctx, `UPDATE jobs SET not_before = ? WHERE run = ? AND name = ? AND COALESCE(not_before, 0) < ?`, at, j.Run, j.Job, at)
		if err != nil {
			return fmt.Errorf("holding job back: %w", err)
		}
	}
	return nil
}

// withdrawOffers takes back all offers: they are nobody's any more.
func (t *tx) withdrawOffers(ctx context.Context) error {
	jobs, err := collect(ctx, t.sql, func(row scanner) (j server.JobRef, err error) { return j, row.Scan(&j.Run, &j.Job) },
		`UPDATE jobs SET phase = 'queued', agent = NULL, offered_at = NULL WHERE phase = 'offered' RETURNING run, name`)
	if err != nil {
		return fmt.Errorf("taking offers back: %w", err)
	}
	for _, j := range jobs {
		t.jobChanged(j, plan.Queued, "", "the server was restored from a backup")
	}
	return nil
}

// Restored answers when the database was restored, and when the backup was made; ok is false if it never was, or if people know.
func (db *DB) Restored(ctx context.Context) (at, backup time.Time, ok bool, err error) {
	var restored, made int64
	err = db.reader.QueryRowContext(ctx, `SELECT (SELECT value FROM counters WHERE name = 'restored'), (SELECT value FROM counters WHERE name = 'backup')`).Scan(&restored, &made)
	if err != nil {
		return at, backup, false, db.trouble(fmt.Errorf("reading when the server was restored: %w", err))
	}
	return timeOf(restored), timeOf(made), restored > 0, nil
}

// DismissRestored notes that people know that the database was restored.
func (db *DB) DismissRestored(ctx context.Context) error {
	return db.write(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, `UPDATE counters SET value = 0 WHERE name = 'restored'`); err != nil {
			return fmt.Errorf("noting that the restore is known: %w", err)
		}
		return nil
	})
}
