package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// reportActivities stores what is new about the activities of a job that started at that time.
func (t *tx) reportActivities(ctx context.Context, r server.JobReport, started int64) error {
	stored, err := t.activities(ctx, r.Ref())
	if err != nil {
		return err
	}
	for _, a := range r.Activities {
		was, ok := stored[a.Name]
		if !ok {
			return server.Errorf(server.Invalid, "report of job %q: it has no activity %q", r.Job, a.Name)
		}
		if err := t.reportLog(ctx, r.Ref(), was, a); err != nil {
			return err
		}
		if err := t.reportState(ctx, r.Ref(), was, a, started); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) activities(ctx context.Context, job server.JobRef) (map[string]server.Activity, error) {
	rows, err := collect(ctx, t.sql, scanActivity, selectActivities+` WHERE run = ? AND job = ?`, job.Run, job.Job)
	if err != nil {
		return nil, fmt.Errorf("reading activities: %w", err)
	}
	byName := make(map[string]server.Activity, len(rows))
	for _, a := range rows {
		byName[a.Name] = a.Activity
	}
	return byName, nil
}

// reportState moves an activity forward. One that is done stays as it is.
func (t *tx) reportState(ctx context.Context, job server.JobRef, was server.Activity, a server.ActivityReport, started int64) error {
	if rank(a.State) < rank(was.State) || was.State == plan.Done ||
		a.State == was.State && a.Cause == was.Cause && len(a.Tries) == len(was.Tries) {
		return nil
	}
	began, ended := t.times(a, started)
	tries, err := asJSON(a.Tries)
	if err != nil {
		return err
	}
	shown, sealed, err := t.outputs(ctx, job, a)
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, `UPDATE activities SET state = ?, result = ?, cause = ?, exit_code = ?, signal = ?, outputs = ?, sealed = ?, tries = ?,
			started_at = ?, finished_at = ?
		WHERE run = ? AND job = ? AND name = ? AND state = ?`,
		a.State, a.Result, a.Cause, a.ExitCode, a.Signal, shown, sealed, tries, began, ended, job.Run, job.Job, a.Name, was.State)
	if err != nil {
		return fmt.Errorf("storing activity: %w", err)
	}
	if n > 0 {
		t.changed(server.Change{Run: job.Run, Job: job.Job, Activity: a.Name, State: a.State, Result: a.Result, Cause: a.Cause})
	}
	return nil
}

// outputs answers what is to be stored of the outputs of an activity.
func (t *tx) outputs(ctx context.Context, job server.JobRef, a server.ActivityReport) (shown, sealed string, err error) {
	if len(a.Outputs) == 0 {
		return "null", "", nil
	}
	var body string
	if err := t.sql.QueryRowContext(ctx, `SELECT plan FROM jobs WHERE run = ? AND name = ?`, job.Run, job.Job).Scan(&body); err != nil {
		return "", "", fmt.Errorf("reading plan of job: %w", err)
	}
	var p plan.Job
	if err := fromJSON(body, &p); err != nil {
		return "", "", fmt.Errorf("reading plan of job: %w", err)
	}
	i := slices.IndexFunc(p.Activities, func(planned plan.Activity) bool { return planned.Name == a.Name })
	if i < 0 {
		return "", "", server.Errorf(server.Invalid, "report of activity %q: it is not in the plan", a.Name)
	}
	if shown, sealed, err = splitOutputs(p.Activities[i].Outputs, a.Outputs); err != nil {
		return "", "", server.Errorf(server.KindOf(err), "report of activity %q: %w", a.Name, err)
	}
	return shown, sealed, nil
}

// times makes times by the server's clock of durations by the agent's.
func (t *tx) times(a server.ActivityReport, started int64) (began, ended sql.NullInt64) {
	if a.Began == nil {
		return began, ended // it never started; or its agent will say so in a later report
	}
	began = sql.NullInt64{Int64: started + int64(*a.Began/time.Microsecond), Valid: true}
	if a.State == plan.Done {
		ended = sql.NullInt64{Int64: t.now, Valid: true}
		if a.Took != nil {
			ended.Int64 = began.Int64 + int64(*a.Took/time.Microsecond)
		}
	}
	return began, ended
}

// reportLog stores what the finished log has to be. That may come after the activity's end, but not after the job's.
func (t *tx) reportLog(ctx context.Context, job server.JobRef, was server.Activity, a server.ActivityReport) error {
	if a.State != plan.Done || a.LogBytes == was.LogBytes && a.LogSHA256 == was.LogSHA256 && a.LogIncomplete == was.LogIncomplete && a.Omitted == was.LogOmitted {
		return nil
	}
	_, err := t.exec(ctx, `UPDATE activities SET log_bytes = ?, log_sha256 = ?, log_incomplete = ?, log_omitted = ? WHERE run = ? AND job = ? AND name = ?`,
		a.LogBytes, a.LogSHA256, a.LogIncomplete, a.Omitted, job.Run, job.Job, a.Name)
	if err != nil {
		return fmt.Errorf("storing length of log: %w", err)
	}
	return nil
}

// An end is what becomes of the activities of a job that ends before them.
type end struct {
	started plan.Result // of one that runs
	waiting plan.Result // of one that never started
	cause   string
}

func endOf(job plan.Result, cause string) end {
	switch job {
	case plan.Canceled:
		return end{started: plan.Canceled, waiting: plan.Canceled, cause: cause}
	case plan.Skipped:
		return end{started: plan.Skipped, waiting: plan.Skipped, cause: cause}
	}
	// The agent reports the end of every activity that it started; of one that it does not, nobody knows.
	return end{started: plan.Lost, waiting: plan.Skipped, cause: cause}
}

// endActivities ends what is not done of a job that is.
func (t *tx) endActivities(ctx context.Context, job server.JobRef, e end) error {
	open, err := collect(ctx, t.sql, func(row scanner) (a server.Activity, err error) {
		return a, row.Scan(&a.Name, &a.State)
	}, `SELECT name, state FROM activities WHERE run = ? AND job = ? AND state <> 'done' ORDER BY position`, job.Run, job.Job)
	if err != nil {
		return fmt.Errorf("reading activities: %w", err)
	}
	for _, a := range open {
		result, finished, incomplete := e.waiting, sql.NullInt64{}, ""
		if a.State == plan.Running {
			result, finished = e.started, sql.NullInt64{Int64: t.now, Valid: true}
			incomplete = "its end was never reported"
		}
		n, err := t.exec(ctx, `UPDATE activities SET state = 'done', result = ?, cause = ?, finished_at = ?, log_incomplete = ?
			WHERE run = ? AND job = ? AND name = ? AND state = ?`, result, e.cause, finished, incomplete, job.Run, job.Job, a.Name, a.State)
		if err != nil {
			return fmt.Errorf("ending activity: %w", err)
		}
		if n == 0 {
			return fmt.Errorf("ending activity %q of job %q: it is not %s any more", a.Name, job.Job, a.State)
		}
		t.changed(server.Change{Run: job.Run, Job: job.Job, Activity: a.Name, State: plan.Done, Result: result, Cause: e.cause})
	}
	return nil
}

// An activityRow is an activity as it is stored.
type activityRow struct {
	server.Activity
	job             string
	outputs, sealed string
}

const selectActivities = `SELECT job, name, image, uses, state, result, cause, exit_code, signal, outputs, sealed, tries, started_at, finished_at,
	log_bytes, log_sha256, log_incomplete, log_omitted FROM activities`

// scanActivity reads an activity as people see it.
func scanActivity(row scanner) (a activityRow, err error) {
	var code, started, finished sql.NullInt64
	var tries string
	err = row.Scan(&a.job, &a.Name, &a.Image, &a.Uses, &a.State, &a.Result, &a.Cause, &code, &a.Signal, &a.outputs, &a.sealed, &tries,
		&started, &finished, &a.LogBytes, &a.LogSHA256, &a.LogIncomplete, &a.LogOmitted)
	if err != nil {
		return a, err
	}
	if code.Valid {
		c := int(code.Int64)
		a.ExitCode = &c
	}
	a.StartedAt, a.FinishedAt = timeOrNil(started), timeOrNil(finished)
	a.Outputs, err = readOutputs(a.outputs, a.sealed, false)
	return a, errors.Join(err, fromJSON(tries, &a.Tries))
}
