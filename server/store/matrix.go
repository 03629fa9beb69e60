package store

import (
	"context"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// ofMatrix finds the instances of a matrix. That its name is not empty is said for SQLite, which else does not see that the
// index jobs_of_matrix will do.
const ofMatrix = ` WHERE run = ? AND matrix_of = ? AND matrix_of <> ''`

// openMatrix lets the instances of a matrix whose needs are met begin.
func (t *tx) openMatrix(ctx context.Context, g *graph, n *node) error {
	n.phase = opened
	if err := t.toPhase(ctx, g.ref(n), opened, ""); err != nil {
		return err
	}
	return t.tend(ctx, g, n)
}

// A tally counts the instances of a matrix.
type tally struct {
	waiting, active, done int
	results               []plan.Result // those that there are
	failed                bool
}

func (t *tx) tally(ctx context.Context, g *graph, n *node) (tally, error) {
	var all tally
	_, err := collect(ctx, t.sql, func(row scanner) (struct{}, error) {
		var p phase
		var result plan.Result
		var count int
		if err := row.Scan(&p, &result, &count); err != nil {
			return struct{}{}, err
		}
		switch p {
		case waiting:
			all.waiting += count
		case done:
			all.done += count
			all.results = append(all.results, result)
			all.failed = all.failed || result == plan.Failed || result == plan.Lost
		default:
			all.active += count
		}
		return struct{}{}, nil
	}, `SELECT phase, result, COUNT(*) FROM jobs`+ofMatrix+` GROUP BY phase, result`, g.run, n.Name)
	if err != nil {
		return all, fmt.Errorf("counting instances of matrix: %w", err)
	}
	return all, nil
}

// tend moves an open matrix on: the end of one instance may let others begin, cancel them, or be the end of the matrix.
func (t *tx) tend(ctx context.Context, g *graph, n *node) error {
	all, err := t.tally(ctx, g, n)
	if err != nil {
		return err
	}
	if n.FailFast && all.failed && all.waiting+all.active > 0 {
		if err := t.failFast(ctx, g, n); err != nil {
			return err
		}
		if all, err = t.tally(ctx, g, n); err != nil {
			return err
		}
	}
	for all.waiting > 0 && (n.MaxParallel == 0 || all.active < n.MaxParallel) {
		room := all.waiting
		if n.MaxParallel > 0 {
			room = n.MaxParallel - all.active
		}
		if err := t.release(ctx, g, n, room); err != nil {
			return err
		}
		if all, err = t.tally(ctx, g, n); err != nil { // some may have been skipped at once
			return err
		}
	}
	if all.waiting+all.active > 0 {
		return nil
	}
	return t.endMatrix(ctx, g, n, all)
}

// release lets the next instances begin; room is for how many.
func (t *tx) release(ctx context.Context, g *graph, matrix *node, room int) error {
	next, err := collect(ctx, t.sql, scanNode, selectNodes+ofMatrix+` AND phase = 'waiting' ORDER BY part LIMIT ?`, g.run, matrix.Name, room)
	if err != nil {
		return fmt.Errorf("reading instances of matrix: %w", err)
	}
	for _, n := range next {
		if n.Skip != "" {
			err = t.endUnstarted(ctx, g.ref(n), plan.Skipped, n.Skip)
		} else {
			_, err = t.lineUp(ctx, g, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// failFast cancels what is left of a matrix of which an instance failed.
func (t *tx) failFast(ctx context.Context, g *graph, n *node) error {
	first, err := collect(ctx, t.sql, scanNode, selectNodes+ofMatrix+` AND result IN ('failed', 'lost')
		ORDER BY finished_at, part LIMIT 1`, g.run, n.Name)
	if err != nil || len(first) == 0 {
		return fmt.Errorf("reading failed instance: %w", err)
	}
	how := "failed"
	if first[0].result == plan.Lost {
		how = "was lost"
	}
	return t.endInstances(ctx, g, n, plan.Canceled, fmt.Sprintf("%s %s, and fail_fast is set", first[0].Title(), how))
}

// endInstances ends the instances of a matrix that are not done: those that run are asked to end, the others end at once.
func (t *tx) endInstances(ctx context.Context, g *graph, matrix *node, result plan.Result, cause string) error {
	open, err := collect(ctx, t.sql, scanNode, selectNodes+ofMatrix+` AND phase <> 'done' ORDER BY part`, g.run, matrix.Name)
	if err != nil {
		return fmt.Errorf("reading instances of matrix: %w", err)
	}
	for _, n := range open {
		switch n.phase {
		case running:
			err = t.askToEnd(ctx, g.ref(n), cause, soft)
		case concluding: // it has ended
		default:
			err = t.endUnstarted(ctx, g.ref(n), result, cause)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endMatrix ends a matrix whose instances are all done. Its result is the worst of theirs.
func (t *tx) endMatrix(ctx context.Context, g *graph, n *node, all tally) (err error) {
	result, cause := plan.Worst(all.results...), ""
	switch {
	case all.done == 0:
		result, cause = plan.Skipped, "its matrix has no instance"
	case result != plan.Passed:
		cause, err = t.firstCause(ctx, `j.run = ? AND j.matrix_of = ? AND j.matrix_of <> '' AND j.result = ?`, g.run, n.Name, result)
		if err != nil {
			return err
		}
	}
	count, err := t.exec(ctx, `UPDATE jobs SET phase = 'done', result = ?, cause = ?, finished_at = ? WHERE run = ? AND name = ? AND phase IN ('opened', 'begun')`,
		result, cause, t.now, g.run, n.Name)
	if err != nil {
		return fmt.Errorf("ending matrix: %w", err)
	}
	if count == 0 {
		return fmt.Errorf("ending matrix %q: it is not open", n.Name)
	}
	g.done(n, result)
	t.jobChanged(g.ref(n), plan.Done, result, cause)
	return nil
}

// beginMatrix notes that the first instance of a matrix started.
func (t *tx) beginMatrix(ctx context.Context, run server.RunID, matrix string) error {
	n, err := t.exec(ctx, `UPDATE jobs SET phase = 'begun', started_at = ? WHERE run = ? AND name = ? AND phase = 'opened'`, t.now, run, matrix)
	if err != nil {
		return fmt.Errorf("starting matrix: %w", err)
	}
	if n > 0 {
		t.jobChanged(server.JobRef{Run: run, Job: matrix}, plan.Running, "", "")
	}
	return nil
}
