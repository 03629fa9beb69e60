package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// An ending is how a job ends that runs.
type ending struct {
	server.Claim
	result plan.Result
	cause  string
	// silent says that its agent did not report it, so that nobody knows what it began last; final, that it must not begin anew.
	silent, final bool
}

// beginAnew puts a job that is being lost back into the queue, if its plan allows that. If it does not, but would do so for
// another job, the cause is answered with why.
func (t *tx) beginAnew(ctx context.Context, e ending) (again bool, cause string, err error) {
	var body, agent string
	var canceled bool
	var lost int
	err = t.sql.QueryRowContext(ctx, `SELECT plan, cancel > 0, agent, (SELECT COUNT(*) FROM attempts a WHERE a.run = j.run AND a.job = j.name)
		FROM jobs j WHERE run = ? AND name = ? AND epoch = ? AND phase = 'running'`, e.Run, e.Job, e.Epoch).Scan(&body, &canceled, &agent, &lost)
	if errors.Is(err, sql.ErrNoRows) {
		return false, "", stale(e.Claim)
	}
	if err != nil {
		return false, "", fmt.Errorf("reading lost job: %w", err)
	}
	var p plan.Job
	if err := fromJSON(body, &p); err != nil {
		return false, "", fmt.Errorf("reading plan of job: %w", err)
	}
	failed := make([]plan.Cause, lost+1)
	for i := range failed {
		failed[i] = plan.CauseLost
	}
	switch {
	case !p.Retries.Allow(failed...) && lost > 0:
		return false, fmt.Sprintf("%s (attempt %d of %d)", e.cause, lost+1, lost+1), nil
	case canceled || !p.Retries.Allow(failed...):
		return false, e.cause, nil
	}
	stored, err := t.activities(ctx, e.Ref())
	if err != nil {
		return false, "", err
	}
	if name := begunSideEffects(p, stored, e.silent); name != "" {
		return false, fmt.Sprintf("%s; it is not begun anew, because activity %s has side effects and may have begun", e.cause, name), nil
	}
	for most := lost + 1; ; most++ { // the language allows 10 at most
		if failed = append(failed, plan.CauseLost); !p.Retries.Allow(failed...) {
			return true, e.cause, t.requeue(ctx, e, p, agent, lost+1, most+1)
		}
	}
}

// begunSideEffects names an activity with side effects that began, or may have.
func begunSideEffects(p plan.Job, stored map[string]server.Activity, silent bool) string {
	for _, a := range p.Activities {
		// Of an agent that says nothing the last words may never have come.
		if a.SideEffects && (silent || stored[a.Name].State != plan.Waiting && stored[a.Name].StartedAt != nil) {
			return a.Name
		}
	}
	return ""
}

// requeue keeps what is known of an attempt that was lost, and makes the job as it was before it, at its old place in the queue.
func (t *tx) requeue(ctx context.Context, e ending, p plan.Job, agent string, attempt, of int) error {
	if err := t.endActivities(ctx, e.Ref(), endOf(e.result, e.cause)); err != nil {
		return err
	}
	if err := t.keepAttempt(ctx, e, p); err != nil {
		return err
	}
	if err := t.resetActivities(ctx, e.Ref(), p); err != nil {
		return err
	}
	var name string
	if err := t.sql.QueryRowContext(ctx, `SELECT name FROM agents WHERE id = ?`, agent).Scan(&name); err != nil {
		return fmt.Errorf("reading name of agent: %w", err)
	}
	cause := fmt.Sprintf("attempt %d of %d was lost on agent %s: %s", attempt, of, name, e.cause)
	n, err := t.exec(ctx, `UPDATE jobs SET phase = 'queued', cause = ?, agent = NULL, offered_at = NULL, started_at = NULL, deadline = NULL, fence = 0
		WHERE run = ? AND name = ? AND epoch = ? AND phase = 'running'`, cause, e.Run, e.Job, e.Epoch)
	if err != nil {
		return fmt.Errorf("queueing lost job: %w", err)
	}
	if n == 0 {
		return stale(e.Claim)
	}
	t.jobChanged(e.Ref(), plan.Queued, "", cause)
	return nil
}

// keepAttempt stores a running job, which is about to begin anew, as an attempt.
func (t *tx) keepAttempt(ctx context.Context, e ending, p plan.Job) error {
	stored, err := t.activities(ctx, e.Ref())
	if err != nil {
		return err
	}
	ended := make([]server.Activity, 0, len(p.Activities))
	for _, a := range p.Activities {
		ended = append(ended, stored[a.Name])
	}
	text, err := asJSON(ended)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO attempts (run, job, epoch, agent, revision, result, cause, activities, started_at, finished_at)
		SELECT run, name, epoch, agent, revision, ?, ?, ?, started_at, ? FROM jobs WHERE run = ? AND name = ?`,
		e.result, e.cause, text, t.now, e.Run, e.Job)
	if err != nil {
		return fmt.Errorf("storing attempt: %w", err)
	}
	return nil
}

// resetActivities makes the activities of a job as if none had ever run.
func (t *tx) resetActivities(ctx context.Context, ref server.JobRef, p plan.Job) error {
	if _, err := t.exec(ctx, `DELETE FROM activities WHERE run = ? AND job = ?`, ref.Run, ref.Job); err != nil {
		return fmt.Errorf("resetting activities: %w", err)
	}
	for _, a := range p.Activities {
		t.changed(server.Change{Run: ref.Run, Job: ref.Job, Activity: a.Name, State: plan.Waiting})
	}
	return t.inserting(ctx, ref.Run, func(in *inserter) error { return in.activitiesOf(ctx, p) })
}

// wasLost says whether a report repeats what was said of an attempt that was lost.
func (t *tx) wasLost(ctx context.Context, agent server.AgentID, r server.JobReport) (bool, error) {
	if r.Result != "" && r.Result != plan.Lost {
		return false, nil
	}
	var yes bool
	err := t.sql.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM attempts WHERE run = ? AND job = ? AND epoch = ? AND agent = ? AND revision >= ? AND result = 'lost')`,
		r.Run, r.Job, r.Epoch, agent, r.Revision).Scan(&yes)
	if err != nil {
		return false, fmt.Errorf("reading attempts: %w", err)
	}
	return yes, nil
}

// readAttempts answers the attempts at the jobs of a run, by job.
func readAttempts(ctx context.Context, q querier, run server.RunID) (map[string][]server.Attempt, error) {
	byJob := make(map[string][]server.Attempt)
	_, err := collect(ctx, q, func(row scanner) (struct{}, error) {
		var job, activities string
		var a server.Attempt
		var started sql.NullInt64
		var finished int64
		if err := row.Scan(&job, &a.Epoch, &a.Agent, &a.Result, &a.Cause, &activities, &started, &finished); err != nil {
			return struct{}{}, err
		}
		a.StartedAt, a.FinishedAt = timeOrNil(started), timeOf(finished)
		err := fromJSON(activities, &a.Activities)
		byJob[job] = append(byJob[job], a)
		return struct{}{}, err
	}, `SELECT t.job, t.epoch, a.name, t.result, t.cause, t.activities, t.started_at, t.finished_at
		FROM attempts t JOIN agents a ON a.id = t.agent WHERE t.run = ? ORDER BY t.job, t.epoch`, run)
	return byJob, err
}
