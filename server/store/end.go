package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// endUnstarted ends a node that no agent runs, with its activities. Whoever calls it sees to it that the run is settled.
func (t *tx) endUnstarted(ctx context.Context, job server.JobRef, result plan.Result, cause string) error {
	return t.end(ctx, job, result, cause, `phase IN ('waiting', 'planning', 'asked', 'lined', 'queued', 'offered')`)
}

// end ends a node that is in one of the phases that the condition names.
func (t *tx) end(ctx context.Context, job server.JobRef, result plan.Result, cause, condition string) error {
	var group, project string
	err := t.sql.QueryRowContext(ctx, `UPDATE jobs SET phase = 'done', result = ?, cause = ?, ended = '', finished_at = COALESCE(finished_at, ?)
		WHERE run = ? AND name = ? AND `+condition+` RETURNING turn_group, (SELECT project FROM runs WHERE id = jobs.run)`,
		result, cause, t.now, job.Run, job.Job).Scan(&group, &project)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("ending job %q: it runs, or is done", job.Job)
	}
	if err != nil {
		return fmt.Errorf("ending job: %w", err)
	}
	if group != "" {
		t.jobTurns = append(t.jobTurns, turn{project, group})
	}
	t.jobChanged(job, plan.Done, result, cause)
	return t.endActivities(ctx, job, endOf(result, cause))
}

// blockedText says why a node can never run, given the first of its needs that did not satisfy it, if there is one.
func blockedText(need string, result plan.Result) string {
	if need == "" {
		return `run_on is "failed", and nothing it needs failed`
	}
	how := map[plan.Result]string{
		plan.Failed: "failed", plan.Canceled: "was canceled", plan.Skipped: "was skipped", plan.Lost: "was lost",
	}[result]
	return "needs " + need + ", which " + how
}

// causeOf says in a sentence why a run ended so: it names the first job, and its first activity, that did.
func (t *tx) causeOf(ctx context.Context, run server.RunID, result plan.Result) (string, error) {
	if result == plan.Passed {
		return "", nil
	}
	if result == plan.Canceled {
		var reason string
		err := t.sql.QueryRowContext(ctx, `SELECT cancel_reason FROM runs WHERE id = ?`, run).Scan(&reason)
		if err != nil {
			return "", fmt.Errorf("reading cause of run: %w", err)
		}
		if reason != "" {
			return reason, nil
		}
	}
	return t.firstCause(ctx, `j.run = ? AND j.result = ?`, run, result)
}

// firstCause says in a sentence why the first of some jobs ended as it did; empty if there is none. A matrix is only named if
// it has no instances.
func (t *tx) firstCause(ctx context.Context, where string, args ...any) (string, error) {
	causes, err := collect(ctx, t.sql, scanCause, `SELECT j.name, j.matrix_of, j.matrix, j.result, j.cause, COALESCE(a.name, ''), COALESCE(a.cause, '')
		FROM jobs j LEFT JOIN activities a ON a.run = j.run AND a.job = j.name AND a.result = j.result
		WHERE `+where+` AND (j.kind <> 'matrix' OR NOT EXISTS (SELECT 1 FROM jobs i WHERE i.run = j.run AND i.matrix_of = j.name AND i.matrix_of <> ''))
		ORDER BY j.finished_at, j.position, j.part, a.position LIMIT 1`, args...)
	if err != nil {
		return "", fmt.Errorf("reading cause: %w", err)
	}
	if len(causes) == 0 {
		return "", nil
	}
	return causes[0], nil
}

func scanCause(row scanner) (string, error) {
	var name, of, matrix, cause, activity, activityCause string
	var result plan.Result
	var values []plan.Value
	if err := row.Scan(&name, &of, &matrix, &result, &cause, &activity, &activityCause); err != nil {
		return "", err
	}
	if err := fromJSON(matrix, &values); err != nil {
		return "", err
	}
	title := plan.Title(name, of, values)
	switch {
	case activity != "" && activityCause != "" && activityCause != cause: // else it is the job's own
		return title + "/" + activity + ": " + activityCause, nil
	case cause != "":
		return title + ": " + cause, nil
	}
	return title + " " + string(result), nil
}
