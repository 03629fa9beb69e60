package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// CreateRun stores a run, and numbers it; a run that comes with a number has to be the next one, or else the error is
// server.ErrNotNext. With a plan its jobs are stored as well, and those without needs are queued;
// without one the run has to be done already: one that failed before anything could run, or that was skipped.
func (db *DB) CreateRun(ctx context.Context, r server.Run, p *plan.Plan) (server.Run, error) {
	var id server.RunID
	err := db.write(ctx, func(t *tx) (err error) {
		id, err = t.createRun(ctx, server.NewRun{Run: r, Plan: p})
		return err
	})
	if err != nil {
		return server.Run{}, err
	}
	return db.Run(ctx, id)
}

// NextRun answers the number that the next run will have, if nobody is faster: a plan may hold the number of its run.
func (db *DB) NextRun(ctx context.Context) (server.RunID, error) {
	var last server.RunID
	if err := db.reader.QueryRowContext(ctx, `SELECT value FROM counters WHERE name = 'run'`).Scan(&last); err != nil {
		return 0, fmt.Errorf("reading number of last run: %w", err)
	}
	return last + 1, nil
}

func (t *tx) createRun(ctx context.Context, n server.NewRun) (server.RunID, error) {
	r := n.Run
	if n.Plan != nil {
		r.Pipeline, r.State, r.Result, r.Cause = n.Plan.Pipeline, plan.Queued, "", ""
		if len(n.Plan.Jobs) == 0 {
			return 0, server.Errorf(server.Invalid, "pipeline %q has no job", r.Pipeline)
		}
	} else if r.State != plan.Done || r.Result == "" {
		return 0, fmt.Errorf("storing run: it has no plan, and is not done")
	}
	id, err := t.draw(ctx, "run", 1)
	if err != nil {
		return 0, err
	}
	if r.ID != 0 && int64(r.ID) != id {
		return 0, server.Errorf(server.Conflict, "storing run: %w (it is %d, not %d)", server.ErrNotNext, id, r.ID)
	}
	r.ID = server.RunID(id)
	if err := t.insertRun(ctx, r, n.Plan); err != nil {
		return 0, fmt.Errorf("storing run: %w", err)
	}
	t.changed(server.Change{Run: r.ID, State: r.State, Result: r.Result, Cause: r.Cause})
	if n.Plan == nil {
		return r.ID, nil
	}
	if err := t.insertJobs(ctx, r.ID, n.Plan.Jobs); err != nil {
		return 0, fmt.Errorf("storing jobs of run: %w", err)
	}
	return r.ID, nil
}

func (t *tx) insertRun(ctx context.Context, r server.Run, p *plan.Plan) error {
	inputs, err := asJSON(r.Inputs)
	if err != nil {
		return err
	}
	problems, err := asJSON(r.Problems)
	if err != nil {
		return err
	}
	version, finished := 0, sql.NullInt64{Int64: t.now, Valid: r.State == plan.Done}
	if p != nil {
		version = p.Version
	}
	e := r.Event
	_, err = t.exec(ctx, `INSERT INTO runs (id, project, pipeline, event_kind, event_ref, branch, tag, commit_hash, title, actor,
			inputs, problems, plan_version, state, result, cause, created_at, finished_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Project, r.Pipeline, e.Kind, e.Ref, e.Branch, e.Tag, e.Commit, e.Title, e.Actor,
		inputs, problems, version, r.State, r.Result, r.Cause, t.now, finished)
	return err
}

func (t *tx) insertJobs(ctx context.Context, run server.RunID, jobs []plan.Job) error {
	insertJob, err := t.sql.PrepareContext(ctx, `INSERT INTO jobs (run, name, position, needs, labels, plan, phase, queued_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = insertJob.Close() }() // the transaction's end closes it as well
	insertActivity, err := t.sql.PrepareContext(ctx, `INSERT INTO activities (run, job, name, position, image, state) VALUES (?, ?, ?, ?, ?, 'waiting')`)
	if err != nil {
		return err
	}
	defer func() { _ = insertActivity.Close() }()
	for i, j := range jobs {
		row, err := newJobRow(run, i, j, t.now)
		if err != nil {
			return err
		}
		if _, err := insertJob.ExecContext(ctx, row...); err != nil {
			return err
		}
		t.changed(server.Change{Run: run, Job: j.Name, State: firstState(j), WaitsFor: needsText(j.Needs)})
		for k, a := range j.Activities {
			if _, err := insertActivity.ExecContext(ctx, run, j.Name, a.Name, k, a.Image); err != nil {
				return err
			}
		}
	}
	return nil
}

func newJobRow(run server.RunID, position int, j plan.Job, now int64) ([]any, error) {
	needs, err := asJSON(j.Needs)
	if err != nil {
		return nil, err
	}
	labels, err := asJSON(j.Labels)
	if err != nil {
		return nil, err
	}
	body, err := asJSON(j)
	if err != nil {
		return nil, err
	}
	queued := sql.NullInt64{Int64: now, Valid: firstState(j) == plan.Queued}
	return []any{run, j.Name, position, needs, labels, body, firstState(j), queued}, nil
}

func firstState(j plan.Job) plan.State {
	if len(j.Needs) == 0 {
		return plan.Queued
	}
	return plan.Waiting
}

// needsText says what a waiting job waits for, given those of its needs that are not done.
func needsText(open []string) string {
	if len(open) == 0 {
		return ""
	}
	return "needs " + strings.Join(open, ", ")
}
