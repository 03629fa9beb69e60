package store

import (
	"context"
	"database/sql"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// An inserter stores nodes of one run.
type inserter struct {
	t          *tx
	run        server.RunID
	job        *sql.Stmt
	activities *sql.Stmt
}

// inserting runs do with an inserter.
func (t *tx) inserting(ctx context.Context, run server.RunID, do func(*inserter) error) error {
	job, err := t.sql.PrepareContext(ctx, `INSERT INTO jobs (run, name, position, part, kind, matrix_of, matrix, max_parallel, fail_fast,
			needs, optional, run_on, skip, deferred, concludes, environment, turn_group, turn_policy, os, arch, labels, plan, phase)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')`)
	if err != nil {
		return err
	}
	defer func() { _ = job.Close() }() // the transaction's end closes it as well
	activities, err := t.sql.PrepareContext(ctx, `INSERT INTO activities (run, job, name, position, image, uses, state) VALUES (?, ?, ?, ?, ?, ?, 'waiting')`)
	if err != nil {
		return err
	}
	defer func() { _ = activities.Close() }()
	return do(&inserter{t: t, run: run, job: job, activities: activities})
}

// insertPlan stores the nodes of a new run; all of them wait.
func (t *tx) insertPlan(ctx context.Context, run server.RunID, nodes []plan.Job) error {
	return t.inserting(ctx, run, func(in *inserter) error {
		matrices := make(map[string]place)
		for i, j := range nodes {
			at := place{position: i}
			if j.Of != "" {
				m := matrices[j.Of]
				m.part++
				matrices[j.Of] = m
				j, at = inherit(j, m.node), m
			} else if j.Kind == plan.KindMatrix {
				matrices[j.Name] = place{position: i, node: j}
			}
			if err := in.node(ctx, at, j); err != nil {
				return err
			}
		}
		return nil
	})
}

// A place is where a node stands: instances share the position of their matrix, the node.
type place struct {
	position, part int
	node           plan.Job
}

// inherit answers an instance with what its matrix says for all of them.
func inherit(instance, matrix plan.Job) plan.Job {
	instance.RunOn = matrix.RunOn
	if instance.Concurrency == nil {
		instance.Concurrency = matrix.Concurrency
	}
	return instance
}

func (in *inserter) node(ctx context.Context, at place, j plan.Job) error {
	row, err := nodeRow(j)
	if err != nil {
		return err
	}
	if _, err := in.job.ExecContext(ctx, append([]any{in.run, j.Name, at.position, at.part}, row...)...); err != nil {
		return err
	}
	in.t.changed(server.Change{Run: in.run, Job: j.Name, State: plan.Waiting, WaitsFor: needsText(j.Needs)})
	return in.activitiesOf(ctx, j)
}

func (in *inserter) activitiesOf(ctx context.Context, j plan.Job) error {
	for i, a := range j.Activities {
		if _, err := in.activities.ExecContext(ctx, in.run, j.Name, a.Name, i, a.Image, a.Uses); err != nil {
			return err
		}
	}
	return nil
}

// nodeRow answers the columns of a node from its kind to its plan.
func nodeRow(j plan.Job) ([]any, error) {
	var texts [5]string
	for i, v := range []any{j.Matrix, j.Needs, j.Optional, j.Labels, j} {
		text, err := asJSON(v)
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	turn := turnOf(j.Concurrency)
	if j.Kind == plan.KindMatrix { // it is its instances that take turns
		turn = plan.Concurrency{}
	}
	return []any{
		j.Kind, j.Of, texts[0], j.MaxParallel, j.FailFast, texts[1], texts[2], j.RunOn, j.Skip, j.Deferred, concludes(j),
		j.Environment, turn.Group, turn.Policy, j.OS, j.Arch, texts[3], texts[4],
	}, nil
}

// concludes says whether a node has outputs that are computed when it has ended.
func concludes(j plan.Job) bool { return j.Kind == plan.KindJob && len(j.Outputs) > 0 }

// turnOf answers a concurrency that may not be there.
func turnOf(c *plan.Concurrency) plan.Concurrency {
	if c == nil {
		return plan.Concurrency{}
	}
	return *c
}
