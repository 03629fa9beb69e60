package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A disturbance is a run in which something may go on now, because these nodes ended.
type disturbance struct {
	run   server.RunID
	ended []string
}

// disturb notes that a run has to be settled.
func (t *tx) disturb(run server.RunID, ended ...string) {
	for i := range t.disturbed {
		if t.disturbed[i].run == run {
			t.disturbed[i].ended = append(t.disturbed[i].ended, ended...)
			return
		}
	}
	t.disturbed = append(t.disturbed, disturbance{run, ended})
}

// settleAll does what follows from what was noted: runs go on or end, and whose turn it is now gets it. That may disturb
// further runs, but each step moves something forward for good, so it ends.
func (t *tx) settleAll(ctx context.Context) error {
	for {
		var err error
		switch {
		case len(t.disturbed) > 0:
			d := t.disturbed[0]
			t.disturbed = t.disturbed[1:]
			err = t.settle(ctx, d.run, d.ended)
		case len(t.runTurns) > 0:
			next := t.runTurns[0]
			t.runTurns = t.runTurns[1:]
			err = t.passRunTurn(ctx, next)
		case len(t.jobTurns) > 0:
			next := t.jobTurns[0]
			t.jobTurns = t.jobTurns[1:]
			err = t.passJobTurn(ctx, next)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// A node is a node of the graph of a run. Instances of matrices are none.
type node struct {
	plan.Job // as far as it has columns
	phase    phase
	result   plan.Result
}

// A graph is a run as it is being settled.
type graph struct {
	run     server.RunID
	project string
	nodes   []*node
	results map[string]plan.Result // of the nodes that are done
	ended   []string               // since the run was settled last
}

// settle moves on what can move in a run: nodes whose needs are met start, those whose needs cannot be met any more are skipped,
// and a run whose nodes are all done is done. A run that waits for its turn stays as it is.
func (t *tx) settle(ctx context.Context, run server.RunID, ended []string) error {
	g, state, err := t.graph(ctx, run)
	if err != nil {
		return err
	}
	g.ended = ended
	for again := state != plan.Waiting; again; { // a node that is skipped may block another that is written before it
		again = false
		for _, n := range g.nodes {
			if n.phase == done {
				continue
			}
			if err := t.moveOn(ctx, g, n); err != nil {
				return err
			}
			again = again || n.phase == done
		}
	}
	if len(g.results) == len(g.nodes) {
		return t.finishRun(ctx, g, state)
	}
	t.tellWaiting(g)
	return nil
}

func (t *tx) graph(ctx context.Context, run server.RunID) (*graph, plan.State, error) {
	g := &graph{run: run, results: make(map[string]plan.Result)}
	var state plan.State
	err := t.sql.QueryRowContext(ctx, `SELECT project, state FROM runs WHERE id = ?`, run).Scan(&g.project, &state)
	if err != nil {
		return nil, "", fmt.Errorf("reading run: %w", err)
	}
	g.nodes, err = collect(ctx, t.sql, scanNode, selectNodes+` WHERE run = ? AND matrix_of = '' ORDER BY position`, run)
	if err != nil {
		return nil, "", fmt.Errorf("reading jobs of run: %w", err)
	}
	for _, n := range g.nodes {
		if n.phase == done {
			g.results[n.Name] = n.result
		}
	}
	return g, state, nil
}

const selectNodes = `SELECT name, kind, matrix_of, matrix, max_parallel, fail_fast, needs, optional, run_on, skip, deferred, turn_group, turn_policy,
	phase, result FROM jobs`

func scanNode(row scanner) (*node, error) {
	var n node
	var matrix, needs, optional string
	var c plan.Concurrency
	err := row.Scan(&n.Name, &n.Kind, &n.Of, &matrix, &n.MaxParallel, &n.FailFast, &needs, &optional, &n.RunOn, &n.Skip, &n.Deferred, &c.Group, &c.Policy,
		&n.phase, &n.result)
	if err != nil {
		return nil, err
	}
	if c.Group != "" {
		n.Concurrency = &c
	}
	if n.Of == "" { // instances have neither; there may be thousands
		return &n, errors.Join(fromJSON(needs, &n.Needs), fromJSON(optional, &n.Optional))
	}
	return &n, fromJSON(matrix, &n.Matrix)
}

// ref names a node of the graph.
func (g *graph) ref(n *node) server.JobRef { return server.JobRef{Run: g.run, Job: n.Name} }

// done notes that a node is done.
func (g *graph) done(n *node, result plan.Result) {
	n.phase, n.result = done, result
	g.results[n.Name] = result
	g.ended = append(g.ended, n.Name)
}

// moveOn does what a node that is not done can do now, if anything.
func (t *tx) moveOn(ctx context.Context, g *graph, n *node) error {
	switch n.phase {
	case opened, begun:
		return t.tend(ctx, g, n)
	case waiting:
	default:
		return nil // it is somebody else's move
	}
	turn, blocker := plan.Ready(n.Job, func(node string) (plan.Result, bool) {
		r, ok := g.results[node]
		return r, ok
	})
	switch {
	case turn == plan.Never:
		return t.skip(ctx, g, n, blockedText(blocker, g.results[blocker]))
	case turn == plan.Go && n.Skip != "":
		return t.skip(ctx, g, n, n.Skip)
	case turn == plan.Go:
		return t.begin(ctx, g, n)
	}
	return nil
}

// begin starts a node whose needs are met.
func (t *tx) begin(ctx context.Context, g *graph, n *node) error {
	switch {
	case n.Deferred:
		n.phase = planning
		return t.toPhase(ctx, g.ref(n), planning, planningText)
	case n.Kind == plan.KindApproval:
		n.phase = asked
		return t.ask(ctx, g.ref(n))
	case n.Kind == plan.KindMatrix:
		return t.openMatrix(ctx, g, n)
	}
	ended, err := t.lineUp(ctx, g, n)
	if err == nil && ended {
		g.done(n, plan.Canceled)
	}
	return err
}

// skip ends a node that will not run, with its instances.
func (t *tx) skip(ctx context.Context, g *graph, n *node, cause string) error {
	g.done(n, plan.Skipped)
	if err := t.endUnstarted(ctx, g.ref(n), plan.Skipped, cause); err != nil {
		return err
	}
	if n.Kind != plan.KindMatrix {
		return nil
	}
	return t.endInstances(ctx, g, n, plan.Skipped, cause)
}

// toPhase moves a node that waits for its needs, or an instance, to a phase in which it goes on waiting.
func (t *tx) toPhase(ctx context.Context, job server.JobRef, to phase, waitsFor string) error {
	n, err := t.exec(ctx, `UPDATE jobs SET phase = ? WHERE run = ? AND name = ? AND phase = 'waiting'`, to, job.Run, job.Job)
	if err != nil {
		return fmt.Errorf("moving job to %s: %w", to, err)
	}
	if n == 0 {
		return fmt.Errorf("moving job %q to %s: it does not wait any more", job.Job, to)
	}
	t.changed(server.Change{Run: job.Run, Job: job.Job, State: to.state(), WaitsFor: waitsFor})
	return nil
}

func (t *tx) queue(ctx context.Context, job server.JobRef) error {
	n, err := t.exec(ctx, `UPDATE jobs SET phase = 'queued', queued_at = ? WHERE run = ? AND name = ? AND phase IN ('waiting', 'lined')`, t.now, job.Run, job.Job)
	if err != nil {
		return fmt.Errorf("queueing job: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("queueing job %q: it does not wait any more", job.Job)
	}
	t.jobChanged(job, plan.Queued, "", "")
	return nil
}

// tellWaiting notes for nodes that go on waiting that they wait for less than before.
func (t *tx) tellWaiting(g *graph) {
	isDone := func(job string) bool { return g.results[job] != "" }
	for _, n := range g.nodes {
		if n.phase == waiting && slices.ContainsFunc(n.Needs, func(need string) bool { return slices.Contains(g.ended, need) }) {
			t.changed(server.Change{Run: g.run, Job: n.Name, State: plan.Waiting, WaitsFor: needsText(openNeeds(n.Needs, isDone))})
		}
	}
}

// finishRun ends a run whose nodes are all done. Nobody will ask for its sensitive values any more.
func (t *tx) finishRun(ctx context.Context, g *graph, state plan.State) error {
	if state == plan.Done {
		return nil
	}
	var results []plan.Result
	for _, n := range g.nodes {
		results = append(results, n.result)
	}
	result := plan.Worst(results...)
	cause, err := t.causeOf(ctx, g.run, result)
	if err != nil {
		return err
	}
	var group string
	err = t.sql.QueryRowContext(ctx, `UPDATE runs SET state = 'done', result = ?, cause = ?, finished_at = ? WHERE id = ? AND state <> 'done'
		RETURNING turn_group`, result, cause, t.now, g.run).Scan(&group)
	if err != nil {
		return fmt.Errorf("finishing run: %w", err)
	}
	t.changed(server.Change{Run: g.run, State: plan.Done, Result: result, Cause: cause})
	if group != "" {
		t.runTurns = append(t.runTurns, turn{g.project, group})
	}
	for _, forget := range []string{
		`UPDATE jobs SET sealed = '' WHERE run = ? AND sealed <> ''`,
		`UPDATE activities SET sealed = '' WHERE run = ? AND sealed <> ''`,
	} {
		if _, err := t.exec(ctx, forget, g.run); err != nil {
			return fmt.Errorf("forgetting sensitive outputs: %w", err)
		}
	}
	return nil
}
