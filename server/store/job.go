package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A phase is a job's state as the store has it: an offered job is queued for everybody else.
type phase string

const (
	waiting phase = "waiting"
	queued  phase = "queued"
	offered phase = "offered"
	running phase = "running"
	done    phase = "done"
)

func (p phase) state() plan.State {
	if p == offered {
		return plan.Queued
	}
	return plan.State(p)
}

// readJobs answers the jobs of a run with their activities, in the order of the plan.
func readJobs(ctx context.Context, q querier, run server.RunID) ([]server.Job, error) {
	jobs, err := collect(ctx, q, scanJob, `SELECT j.name, j.needs, j.labels, j.phase, j.result, j.cause, j.epoch,
			j.queued_at, j.started_at, j.finished_at, COALESCE(a.name, '')
		FROM jobs j LEFT JOIN agents a ON a.id = j.agent WHERE j.run = ? ORDER BY j.position`, run)
	if err != nil {
		return nil, err
	}
	at := make(map[string]*server.Job, len(jobs))
	for i := range jobs {
		at[jobs[i].Name] = &jobs[i]
	}
	for i := range jobs {
		if jobs[i].State == plan.Waiting {
			jobs[i].WaitsFor = needsText(openNeeds(jobs[i].Needs, func(need string) bool { return at[need].State == plan.Done }))
		}
	}
	_, err = collect(ctx, q, func(row scanner) (struct{}, error) {
		job, a, err := scanActivity(row)
		if err == nil {
			at[job].Activities = append(at[job].Activities, a)
		}
		return struct{}{}, err
	}, selectActivities+` WHERE run = ? ORDER BY position`, run)
	return jobs, err
}

func scanJob(row scanner) (server.Job, error) {
	j := server.Job{Activities: []server.Activity{}}
	var p phase
	var needs, labels string
	var queuedAt, started, finished sql.NullInt64
	err := row.Scan(&j.Name, &needs, &labels, &p, &j.Result, &j.Cause, &j.Epoch, &queuedAt, &started, &finished, &j.Agent)
	if err != nil {
		return j, err
	}
	j.State = p.state()
	j.QueuedAt, j.StartedAt, j.FinishedAt = timeOrNil(queuedAt), timeOrNil(started), timeOrNil(finished)
	switch p {
	case offered:
		j.WaitsFor = acceptText(j.Agent)
	case waiting, queued:
		j.Agent = "" // one that gave it back has it no more
	}
	return j, errors.Join(fromJSON(needs, &j.Needs), fromJSON(labels, &j.Labels))
}

// acceptText says what an offered job waits for.
func acceptText(agent string) string { return "agent " + agent + " to accept it" }

// openNeeds answers those needs that are not done.
func openNeeds(needs []string, isDone func(string) bool) []string {
	var open []string
	for _, n := range needs {
		if !isDone(n) {
			open = append(open, n)
		}
	}
	return open
}

const selectActivities = `SELECT job, name, image, state, result, cause, exit_code, signal, started_at, finished_at,
	log_bytes, log_sha256, log_incomplete FROM activities`

func scanActivity(row scanner) (job string, a server.Activity, err error) {
	var code, started, finished sql.NullInt64
	err = row.Scan(&job, &a.Name, &a.Image, &a.State, &a.Result, &a.Cause, &code, &a.Signal, &started, &finished,
		&a.LogBytes, &a.LogSHA256, &a.LogIncomplete)
	if code.Valid {
		c := int(code.Int64)
		a.ExitCode = &c
	}
	a.StartedAt, a.FinishedAt = timeOrNil(started), timeOrNil(finished)
	return job, a, err
}
