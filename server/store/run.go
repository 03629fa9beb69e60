package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

const selectRuns = `SELECT id, project, pipeline, event_kind, event_ref, event_source, event_schedule, branch, tag, commit_hash, title, actor,
	inputs, problems, turn_group, turn_policy, state, result, cause, created_at, started_at, finished_at FROM runs`

// Run answers a run with its jobs and their activities, as they were at one moment.
func (db *DB) Run(ctx context.Context, id server.RunID) (server.Run, error) {
	var r server.Run
	err := db.read(ctx, func(q *sql.Tx) (err error) {
		if r, err = scanRun(q.QueryRowContext(ctx, selectRuns+` WHERE id = ?`, id)); err != nil {
			return err
		}
		if err := tellTurn(ctx, q, &r); err != nil {
			return err
		}
		r.Jobs, err = readJobs(ctx, q, r)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return server.Run{}, server.Errorf(server.NotFound, "there is no run %d", id)
	}
	if err != nil {
		return server.Run{}, fmt.Errorf("reading run %d: %w", id, err)
	}
	return r, nil
}

func (db *DB) runs(ctx context.Context, ids []server.RunID) ([]server.Run, error) {
	var all []server.Run
	for _, id := range ids {
		r, err := db.Run(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Runs lists runs, newest first, without their jobs.
func (db *DB) Runs(ctx context.Context, f server.RunFilter) ([]server.Run, error) {
	where, args := ` WHERE id < ?`, []any{f.Before}
	if f.Before <= 0 {
		args[0] = int64(math.MaxInt64)
	}
	if f.Project != "" {
		where += ` AND project = ?`
		args = append(args, f.Project)
	}
	all, err := collect(ctx, db.reader, scanRun, selectRuns+where+` ORDER BY id DESC LIMIT ?`, append(args, f.Count())...)
	for i := range all {
		err = errors.Join(err, tellTurn(ctx, db.reader, &all[i]))
	}
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	return all, nil
}

// tellTurn says of a run that waits for its turn what it waits for.
func tellTurn(ctx context.Context, q querier, r *server.Run) (err error) {
	if r.State == plan.Waiting && r.Concurrency != nil {
		r.WaitsFor, err = runTurnText(ctx, q, *r)
	}
	return err
}

func scanRun(row scanner) (server.Run, error) {
	var r server.Run
	var inputs, problems string
	var created int64
	var started, finished sql.NullInt64
	e := &r.Event
	var turn plan.Concurrency
	err := row.Scan(&r.ID, &r.Project, &r.Pipeline, &e.Kind, &e.Ref, &e.Source, &e.Schedule, &e.Branch, &e.Tag, &e.Commit, &e.Title, &e.Actor,
		&inputs, &problems, &turn.Group, &turn.Policy, &r.State, &r.Result, &r.Cause, &created, &started, &finished)
	if err != nil {
		return r, err
	}
	if turn.Group != "" {
		r.Concurrency = &turn
	}
	r.CreatedAt, r.StartedAt, r.FinishedAt = timeOf(created), timeOrNil(started), timeOrNil(finished)
	return r, errors.Join(fromJSON(inputs, &r.Inputs), fromJSON(problems, &r.Problems))
}

// JobPlan answers what a job of a run is to do.
func (db *DB) JobPlan(ctx context.Context, run server.RunID, job string) (plan.Job, error) {
	var version int
	var body string
	err := db.reader.QueryRowContext(ctx, `SELECT r.plan_version, j.plan FROM jobs j JOIN runs r ON r.id = j.run
		WHERE j.run = ? AND j.name = ?`, run, job).Scan(&version, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return plan.Job{}, server.Errorf(server.NotFound, "there is no job %q in run %d", job, run)
	}
	if err != nil {
		return plan.Job{}, fmt.Errorf("reading plan of job: %w", err)
	}
	if version > plan.Version {
		return plan.Job{}, fmt.Errorf("reading plan of job: version %d is newer than this release of tutti reads", version)
	}
	var j plan.Job
	if err := fromJSON(body, &j); err != nil {
		return plan.Job{}, fmt.Errorf("reading plan of job: %w", err)
	}
	return j, nil
}
