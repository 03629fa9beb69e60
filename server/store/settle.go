package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A node is a job as the graph of its run sees it.
type node struct {
	name   string
	needs  []string
	phase  phase
	result plan.Result
}

// settle moves on what the end of a job of a run, if one is named, set free: jobs whose needs are met are queued, jobs whose
// needs cannot be met any more are skipped, and a run whose jobs are all done is done.
func (t *tx) settle(ctx context.Context, run server.RunID, ended ...string) error {
	nodes, err := t.graph(ctx, run)
	if err != nil {
		return err
	}
	results := make(map[string]plan.Result, len(nodes))
	for _, n := range nodes {
		if n.phase == done {
			results[n.name] = n.result
		}
	}
	for again := true; again; { // a job that is skipped may block another that is written before it
		again = false
		for _, n := range nodes {
			if n.phase != waiting {
				continue
			}
			if err := t.moveOn(ctx, run, n, results); err != nil {
				return err
			}
			if n.phase == done {
				results[n.name] = n.result
				ended = append(ended, n.name)
				again = true
			}
		}
	}
	if len(results) == len(nodes) {
		return t.finishRun(ctx, run, nodes)
	}
	t.tellWaiting(run, nodes, results, ended)
	return nil
}

func (t *tx) graph(ctx context.Context, run server.RunID) ([]*node, error) {
	nodes, err := collect(ctx, t.sql, func(row scanner) (*node, error) {
		var n node
		var needs string
		if err := row.Scan(&n.name, &needs, &n.phase, &n.result); err != nil {
			return nil, err
		}
		return &n, fromJSON(needs, &n.needs)
	}, `SELECT name, needs, phase, result FROM jobs WHERE run = ? ORDER BY position`, run)
	if err != nil {
		return nil, fmt.Errorf("reading jobs of run: %w", err)
	}
	return nodes, nil
}

// moveOn queues or skips a waiting job, if its needs say so now.
func (t *tx) moveOn(ctx context.Context, run server.RunID, n *node, results map[string]plan.Result) error {
	ready, blocker := plan.Ready(plan.Job{Needs: n.needs}, func(job string) (plan.Result, bool) {
		r, ok := results[job]
		return r, ok
	})
	switch {
	case blocker != "":
		n.phase, n.result = done, plan.Skipped
		return t.endUnstarted(ctx, server.JobRef{Run: run, Job: n.name}, plan.Skipped, blockedText(blocker, results[blocker]))
	case ready:
		n.phase = queued
		return t.queue(ctx, server.JobRef{Run: run, Job: n.name})
	}
	return nil
}

func (t *tx) queue(ctx context.Context, job server.JobRef) error {
	n, err := t.exec(ctx, `UPDATE jobs SET phase = 'queued', queued_at = ? WHERE run = ? AND name = ? AND phase = 'waiting'`, t.now, job.Run, job.Job)
	if err != nil {
		return fmt.Errorf("queueing job: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("queueing job %q: it does not wait any more", job.Job)
	}
	t.jobChanged(job, plan.Queued, "", "")
	return nil
}

// endUnstarted ends a job that no agent runs, with its activities.
func (t *tx) endUnstarted(ctx context.Context, job server.JobRef, result plan.Result, cause string) error {
	n, err := t.exec(ctx, `UPDATE jobs SET phase = 'done', result = ?, cause = ?, finished_at = ?
		WHERE run = ? AND name = ? AND phase IN ('waiting', 'queued', 'offered')`, result, cause, t.now, job.Run, job.Job)
	if err != nil {
		return fmt.Errorf("ending job: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("ending job %q: it runs, or is done", job.Job)
	}
	t.jobChanged(job, plan.Done, result, cause)
	return t.endActivities(ctx, job, endOf(result, cause))
}

// blockedText says why a job can never run.
func blockedText(need string, result plan.Result) string {
	how := map[plan.Result]string{
		plan.Failed: "failed", plan.Canceled: "was canceled", plan.Skipped: "was skipped", plan.Lost: "was lost",
	}[result]
	return "needs " + need + ", which " + how
}

// tellWaiting notes for jobs that go on waiting that they wait for less than before.
func (t *tx) tellWaiting(run server.RunID, nodes []*node, results map[string]plan.Result, ended []string) {
	isDone := func(job string) bool { return results[job] != "" }
	for _, n := range nodes {
		if n.phase == waiting && slices.ContainsFunc(n.needs, func(need string) bool { return slices.Contains(ended, need) }) {
			t.changed(server.Change{Run: run, Job: n.name, State: plan.Waiting, WaitsFor: needsText(openNeeds(n.needs, isDone))})
		}
	}
}

// finishRun ends a run whose jobs are all done.
func (t *tx) finishRun(ctx context.Context, run server.RunID, nodes []*node) error {
	var results []plan.Result
	for _, n := range nodes {
		results = append(results, n.result)
	}
	result := plan.Worst(results...)
	cause, err := t.causeOf(ctx, run, result)
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, `UPDATE runs SET state = 'done', result = ?, cause = ?, finished_at = ? WHERE id = ? AND state <> 'done'`, result, cause, t.now, run)
	if err != nil {
		return fmt.Errorf("finishing run: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("finishing run %d: it is done already", run)
	}
	t.changed(server.Change{Run: run, State: plan.Done, Result: result, Cause: cause})
	return nil
}

// causeOf says in a sentence why a run ended so: it names the first job, and its first activity, that did.
func (t *tx) causeOf(ctx context.Context, run server.RunID, result plan.Result) (string, error) {
	if result == plan.Passed {
		return "", nil
	}
	var canceled, job, jobCause, activity, activityCause string
	err := t.sql.QueryRowContext(ctx, `SELECT r.cancel_reason, j.name, j.cause, COALESCE(a.name, ''), COALESCE(a.cause, '')
		FROM jobs j JOIN runs r ON r.id = j.run
		LEFT JOIN activities a ON a.run = j.run AND a.job = j.name AND a.result = j.result
		WHERE j.run = ? AND j.result = ? ORDER BY j.finished_at, j.position, a.position LIMIT 1`, run, result).
		Scan(&canceled, &job, &jobCause, &activity, &activityCause)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading cause of run: %w", err)
	}
	switch {
	case result == plan.Canceled && canceled != "":
		return canceled, nil
	case activity != "" && activityCause != "":
		return job + "/" + activity + ": " + activityCause, nil
	case jobCause != "":
		return job + ": " + jobCause, nil
	}
	return job + " " + string(result), nil
}
