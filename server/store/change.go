package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// maxChanges bounds one answer of Changes.
const maxChanges = 1000

const selectChanges = `SELECT seq, run, at, kind, job, activity, state, result, cause, waits_for, note FROM changes`

// Changes answers what happened to a run after that number, oldest first, at most limit entries (0 means 1000). An
// activity of which nothing is said yet is waiting.
func (db *DB) Changes(ctx context.Context, run server.RunID, after int64, limit int) ([]server.Change, error) {
	if limit <= 0 || limit > maxChanges {
		limit = maxChanges
	}
	changes, err := collect(ctx, db.reader, scanChange,
		selectChanges+` WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?`, run, after, limit)
	if err != nil {
		return nil, fmt.Errorf("reading changes of run %d: %w", run, err)
	}
	return changes, nil
}

func scanChange(row scanner) (server.Change, error) {
	var c server.Change
	var at int64
	err := row.Scan(&c.Seq, &c.Run, &at, &c.Kind, &c.Job, &c.Activity, &c.State, &c.Result, &c.Cause, &c.WaitsFor, &c.Note)
	c.At = timeOf(at)
	return c, err
}

// changed notes a change, to be stored when the transaction commits. What it says replaces what was noted of the same thing
// before: nobody ever saw that.
func (t *tx) changed(c server.Change) {
	switch {
	case c.Activity != "":
		c.Kind = "activity"
	case c.Job != "":
		c.Kind = "job"
	default:
		c.Kind = "run"
	}
	t.changes = append(t.changes, c)
	t.told(c.Run)
}

// told notes that OnChange is to be called for a run.
func (t *tx) told(run server.RunID) {
	if !slices.Contains(t.tell, run) {
		t.tell = append(t.tell, run)
	}
}

// lastChanges answers the changes that were noted, the last of each thing.
func (t *tx) lastChanges() []server.Change {
	type thing struct {
		run           server.RunID
		job, activity string
	}
	last := make(map[thing]int, len(t.changes))
	for i, c := range t.changes {
		last[thing{c.Run, c.Job, c.Activity}] = i
	}
	var kept []server.Change
	for i, c := range t.changes {
		if last[thing{c.Run, c.Job, c.Activity}] == i {
			kept = append(kept, c)
		}
	}
	return kept
}

// jobChanged notes how a job is from now on.
func (t *tx) jobChanged(job server.JobRef, state plan.State, result plan.Result, cause string) {
	t.changed(server.Change{Run: job.Run, Job: job.Job, State: state, Result: result, Cause: cause})
}

func (t *tx) storeChanges(ctx context.Context) error {
	changes := t.lastChanges()
	if len(changes) == 0 {
		return nil
	}
	seq, err := t.draw(ctx, "change", len(changes))
	if err != nil {
		return err
	}
	insert, err := t.sql.PrepareContext(ctx, `INSERT INTO changes
		(seq, run, at, kind, job, activity, state, result, cause, waits_for, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return fmt.Errorf("storing changes: %w", err)
	}
	defer func() { _ = insert.Close() }() // the transaction's end closes it as well
	for i, c := range changes {
		_, err := insert.ExecContext(ctx, seq+int64(i), c.Run, t.now, c.Kind, c.Job, c.Activity, c.State, c.Result, c.Cause, c.WaitsFor, c.Note)
		if err != nil {
			return fmt.Errorf("storing changes: %w", err)
		}
	}
	return nil
}
