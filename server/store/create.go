package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// CreateRun stores a run, and numbers it; a run that comes with a number has to be the next one, or else the error is
// server.ErrNotNext. With a plan its nodes are stored as well, and go on as far as they can, unless the run has to wait for
// its turn in a group; without one the run has to be done already: one that failed before anything could run, or that was
// skipped.
func (db *DB) CreateRun(ctx context.Context, n server.NewRun) (server.Run, error) {
	runs, err := db.start(ctx, []server.NewRun{n}, func(*tx) error { return nil })
	if err != nil {
		return server.Run{}, err
	}
	return runs[0], nil
}

// start stores runs together with what started them: both or neither.
func (db *DB) start(ctx context.Context, starts []server.NewRun, why func(*tx) error) ([]server.Run, error) {
	var ids []server.RunID
	err := db.write(ctx, func(t *tx) error {
		if err := why(t); err != nil {
			return err
		}
		for _, s := range starts {
			id, err := t.createRun(ctx, s)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return db.runs(ctx, ids)
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
	if n.Plan != nil {
		n.Run.Pipeline, n.Run.State, n.Run.Result, n.Run.Cause = n.Plan.Pipeline, plan.Queued, "", ""
		n.Run.Concurrency = n.Plan.Concurrency
		if err := checkPlan(n.Plan); err != nil {
			return 0, err
		}
	} else if n.Run.State != plan.Done || n.Run.Result == "" {
		return 0, fmt.Errorf("storing run: it has no plan, and is not done")
	}
	id, err := t.draw(ctx, "run", 1)
	if err != nil {
		return 0, err
	}
	if n.Run.ID != 0 && int64(n.Run.ID) != id {
		return 0, server.Errorf(server.Conflict, "storing run: %w (it is %d, not %d)", server.ErrNotNext, id, n.Run.ID)
	}
	n.Run.ID = server.RunID(id)
	if n.Plan == nil {
		t.changed(server.Change{Run: n.Run.ID, State: n.Run.State, Result: n.Run.Result, Cause: n.Run.Cause})
		return n.Run.ID, t.insertRun(ctx, n)
	}
	return n.Run.ID, t.startPlan(ctx, n)
}

// startPlan stores a run that has something to do.
func (t *tx) startPlan(ctx context.Context, n server.NewRun) error {
	if err := t.takeTurn(ctx, &n.Run); err != nil {
		return err
	}
	if err := t.insertRun(ctx, n); err != nil {
		return err
	}
	t.changed(server.Change{Run: n.Run.ID, State: n.Run.State, WaitsFor: n.Run.WaitsFor})
	if err := t.insertPlan(ctx, n.Run.ID, n.Plan.Jobs); err != nil {
		return fmt.Errorf("storing jobs of run: %w", err)
	}
	t.disturb(n.Run.ID)
	return nil
}

// checkPlan refuses a plan that could never end.
func checkPlan(p *plan.Plan) error {
	if len(p.Jobs) == 0 {
		return server.Errorf(server.Invalid, "pipeline %q has no job", p.Pipeline)
	}
	needs := make(map[string][]string, len(p.Jobs))
	var names []string
	for _, j := range p.Jobs {
		if _, twice := needs[j.Name]; twice {
			return server.Errorf(server.Invalid, "pipeline %q has two jobs %q", p.Pipeline, j.Name)
		}
		names, needs[j.Name] = append(names, j.Name), j.Needs
	}
	for _, j := range p.Jobs {
		for _, need := range append(slices.Clone(j.Needs), j.Of) {
			if _, ok := needs[need]; !ok && need != "" {
				return server.Errorf(server.Invalid, "job %q of pipeline %q needs %q, which there is not", j.Name, p.Pipeline, need)
			}
		}
	}
	if cycle := plan.Cycle(names, func(name string) []string { return needs[name] }); cycle != nil {
		return server.Errorf(server.Invalid, "jobs of pipeline %q wait for each other: %v", p.Pipeline, cycle)
	}
	return nil
}

func (t *tx) insertRun(ctx context.Context, n server.NewRun) error {
	r := n.Run
	inputs, err := asJSON(r.Inputs)
	if err != nil {
		return err
	}
	problems, err := asJSON(r.Problems)
	if err != nil {
		return err
	}
	source, err := t.storeSource(ctx, n.Source)
	if err != nil {
		return err
	}
	version, finished := 0, sql.NullInt64{Int64: t.now, Valid: r.State == plan.Done}
	if n.Plan != nil {
		version = n.Plan.Version
	}
	e, turn := r.Event, turnOf(r.Concurrency)
	_, err = t.exec(ctx, `INSERT INTO runs (id, project, pipeline, event_kind, event_ref, event_source, event_schedule, branch, tag,
			commit_hash, title, actor, inputs, problems, source, plan_version, turn_group, turn_policy, state, result, cause, created_at, finished_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Project, r.Pipeline, e.Kind, e.Ref, e.Source, e.Schedule, e.Branch, e.Tag,
		e.Commit, e.Title, e.Actor, inputs, problems, source, version, turn.Group, turn.Policy, r.State, r.Result, r.Cause, t.now, finished)
	if err != nil {
		return fmt.Errorf("storing run: %w", err)
	}
	return nil
}
