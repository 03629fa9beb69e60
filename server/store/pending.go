package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// planningText says what a node waits for that the compiler has to plan.
const planningText = "its plan, now that what it needs has ended"

// Pending answers the nodes that go on only once the compiler has answered, by age of their runs.
func (db *DB) Pending(ctx context.Context) ([]server.Pending, error) {
	all, err := collect(ctx, db.reader, func(row scanner) (p server.Pending, err error) {
		return p, row.Scan(&p.Run, &p.Job, &p.Concluding)
	}, `SELECT run, name, phase = 'concluding' FROM jobs WHERE phase IN ('planning', 'concluding') ORDER BY run, position, part`)
	if err != nil {
		return nil, fmt.Errorf("reading jobs that the compiler is needed for: %w", err)
	}
	return all, nil
}

// Expand gives a node that is being planned its plan: the node itself, followed by its instances if it is a matrix. Its edges
// stay as they are. It answers a Conflict if the node is not being planned (any more), and Invalid if this cannot be its plan, or
// makes the run too large.
func (db *DB) Expand(ctx context.Context, ref server.JobRef, nodes []plan.Job) error {
	if err := checkExpansion(ref, nodes); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		at := place{node: nodes[0]}
		var needs, optional string
		err := t.sql.QueryRowContext(ctx, `SELECT position, needs, optional, run_on FROM jobs WHERE run = ? AND name = ? AND phase = 'planning'`, ref.Run, ref.Job).
			Scan(&at.position, &needs, &optional, &at.node.RunOn)
		if errors.Is(err, sql.ErrNoRows) {
			return notPending(ref)
		}
		if err != nil {
			return fmt.Errorf("reading job: %w", err)
		}
		if err := errors.Join(fromJSON(needs, &at.node.Needs), fromJSON(optional, &at.node.Optional)); err != nil {
			return err
		}
		t.disturb(ref.Run)
		if err := t.replan(ctx, ref, at.node); err != nil {
			return err
		}
		if err := t.insertInstances(ctx, ref.Run, at, nodes[1:]); err != nil {
			return err
		}
		return t.checkSize(ctx, ref)
	})
}

// checkExpansion refuses what cannot be the answer to the question for a node.
func checkExpansion(ref server.JobRef, nodes []plan.Job) error {
	if len(nodes) == 0 || nodes[0].Name != ref.Job || nodes[0].Deferred {
		return server.Errorf(server.Invalid, "planning job %q of run %d: the answer is not about it", ref.Job, ref.Run)
	}
	for _, n := range nodes[1:] {
		if n.Of != ref.Job || nodes[0].Kind != plan.KindMatrix || n.Deferred {
			return server.Errorf(server.Invalid, "planning job %q of run %d: %q is no instance of it", ref.Job, ref.Run, n.Name)
		}
	}
	return nil
}

// checkSize refuses a run that grew too large: the compiler sees one node at a time.
func (t *tx) checkSize(ctx context.Context, ref server.JobRef) error {
	var jobs int
	err := t.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM jobs WHERE run = ? AND kind = ''`, ref.Run).Scan(&jobs)
	if err != nil {
		return fmt.Errorf("counting jobs of run: %w", err)
	}
	if jobs > server.MaxInstances {
		return server.Errorf(server.Invalid, "with the instances of %q, the run has %d jobs; at most %d are allowed", ref.Job, jobs, server.MaxInstances)
	}
	return nil
}

// replan writes the new plan of a node, which waits again: for nothing, since its needs have ended.
func (t *tx) replan(ctx context.Context, ref server.JobRef, j plan.Job) error {
	row, err := nodeRow(j)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `UPDATE jobs SET kind = ?, matrix_of = ?, matrix = ?, max_parallel = ?, fail_fast = ?, needs = ?, optional = ?, run_on = ?,
			skip = ?, deferred = ?, concludes = ?, environment = ?, turn_group = ?, turn_policy = ?, os = ?, arch = ?, labels = ?, plan = ?, phase = 'waiting'
		WHERE run = ? AND name = ?`, append(row, ref.Run, ref.Job)...)
	if err != nil {
		return fmt.Errorf("storing plan of job: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM activities WHERE run = ? AND job = ?`, ref.Run, ref.Job); err != nil {
		return fmt.Errorf("storing plan of job: %w", err)
	}
	return t.inserting(ctx, ref.Run, func(in *inserter) error { return in.activitiesOf(ctx, j) })
}

func (t *tx) insertInstances(ctx context.Context, run server.RunID, matrix place, instances []plan.Job) error {
	return t.inserting(ctx, run, func(in *inserter) error {
		for i, j := range instances {
			at := place{position: matrix.position, part: i + 1}
			if err := in.node(ctx, at, inherit(j, matrix.node)); err != nil {
				return fmt.Errorf("storing instance %q: %w", j.Name, err)
			}
		}
		// Where a restore holds the matrix back, they may have been given out before it.
		_, err := t.exec(ctx, `UPDATE jobs SET not_before = (SELECT m.not_before FROM jobs m WHERE m.run = jobs.run AND m.name = jobs.matrix_of)`+ofMatrix,
			run, matrix.node.Name)
		if err != nil {
			return fmt.Errorf("storing instances: %w", err)
		}
		return nil
	})
}

// FailNode ends a node that cannot be planned. It answers a Conflict if the node is not being planned (any more).
func (db *DB) FailNode(ctx context.Context, ref server.JobRef, cause string) error {
	return db.write(ctx, func(t *tx) error {
		var planned bool
		err := t.sql.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM jobs WHERE run = ? AND name = ? AND phase = 'planning')`, ref.Run, ref.Job).Scan(&planned)
		if err != nil {
			return fmt.Errorf("reading job: %w", err)
		}
		if !planned {
			return notPending(ref)
		}
		t.disturb(ref.Run, ref.Job)
		return t.end(ctx, ref, plan.Failed, cause, `phase = 'planning'`)
	})
}

// Conclude ends a job that has ended on its agent, with what it puts out for other jobs. A problem with that fails a job that
// would have passed; how others ended stays as it is. It answers a Conflict if the job is not concluding (any more).
func (db *DB) Conclude(ctx context.Context, ref server.JobRef, outputs map[string]json.RawMessage, problem string) error {
	return db.write(ctx, func(t *tx) error { return t.conclude(ctx, ref, outputs, problem) })
}

// concludeWithout ends a job that has ended on its agent without its outputs: as canceled, if it would have passed.
func (t *tx) concludeWithout(ctx context.Context, ref server.JobRef, reason string) error {
	var result plan.Result
	var cause string
	err := t.sql.QueryRowContext(ctx, `SELECT ended, cause FROM jobs WHERE run = ? AND name = ? AND phase = 'concluding'`, ref.Run, ref.Job).Scan(&result, &cause)
	if err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	if result.Satisfies() {
		result, cause = plan.Canceled, reason
	}
	t.disturb(ref.Run, ref.Job)
	return t.end(ctx, ref, result, cause, `phase = 'concluding'`)
}

func (t *tx) conclude(ctx context.Context, ref server.JobRef, outputs map[string]json.RawMessage, problem string) error {
	var result plan.Result
	var cause, body string
	err := t.sql.QueryRowContext(ctx, `SELECT ended, cause, plan FROM jobs WHERE run = ? AND name = ? AND phase = 'concluding'`, ref.Run, ref.Job).Scan(&result, &cause, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return notPending(ref)
	}
	if err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	var p plan.Job
	if err := fromJSON(body, &p); err != nil {
		return fmt.Errorf("reading plan of job: %w", err)
	}
	shown, sealed, err := splitOutputs(p.Outputs, outputs)
	if err != nil && problem == "" {
		problem = err.Error()
	}
	if problem != "" {
		shown, sealed = "null", ""
		if result.Satisfies() {
			result, cause = plan.Failed, problem
		}
	}
	if _, err := t.exec(ctx, `UPDATE jobs SET outputs = ?, sealed = ? WHERE run = ? AND name = ?`, shown, sealed, ref.Run, ref.Job); err != nil {
		return fmt.Errorf("storing outputs of job: %w", err)
	}
	t.disturb(ref.Run, ref.Job)
	return t.end(ctx, ref, result, cause, `phase = 'concluding'`)
}

// notPending is the answer to whoever brings what nobody waits for: the run was canceled, or somebody else was faster.
func notPending(ref server.JobRef) error {
	return server.Errorf(server.Conflict, "job %q of run %d does not wait for the compiler any more", ref.Job, ref.Run)
}
