package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A phase is a node's state as the store has it, which is finer than what people see; see the table jobs.
type phase string

const (
	waiting    phase = "waiting"
	planning   phase = "planning"
	asked      phase = "asked"
	lined      phase = "lined"
	opened     phase = "opened"
	begun      phase = "begun"
	queued     phase = "queued"
	offered    phase = "offered"
	running    phase = "running"
	concluding phase = "concluding"
	done       phase = "done"
)

func (p phase) state() plan.State {
	switch p {
	case planning, asked, lined:
		return plan.Waiting
	case opened, offered:
		return plan.Queued
	case begun, concluding:
		return plan.Running
	}
	return plan.State(p)
}

// A jobRow is a node as it is stored.
type jobRow struct {
	server.Job
	position int
	phase    phase
	ended    plan.Result
	group    string
	plan     string // of an approval only
	sealed   string
}

const selectJobs = `SELECT j.name, j.kind, j.matrix_of, j.matrix, j.needs, j.optional, j.run_on, j.deferred, j.environment, j.labels, j.position, j.phase,
	j.ended, j.result, j.cause, j.outputs, j.sealed, j.turn_group, CASE WHEN j.kind = 'approval' THEN j.plan ELSE '' END,
	j.asked_at, j.deadline, j.decided_by, j.decided_at, j.comment, j.epoch, j.queued_at, j.started_at, j.finished_at, j.note, COALESCE(a.name, '')
	FROM jobs j LEFT JOIN agents a ON a.id = j.agent`

// scanJob reads a node as people see it; scanSecretJob reads its sensitive outputs as well.
func scanJob(row scanner) (jobRow, error)       { return scanJobRow(row, false) }
func scanSecretJob(row scanner) (jobRow, error) { return scanJobRow(row, true) }

func scanJobRow(row scanner, secret bool) (jobRow, error) {
	j := jobRow{Job: server.Job{Activities: []server.Activity{}}}
	var matrix, needs, optional, labels, outputs string
	var decision server.Approval
	var asked, deadline, decided, queuedAt, started, finished sql.NullInt64
	err := row.Scan(&j.Name, &j.Kind, &j.Of, &matrix, &needs, &optional, &j.RunOn, &j.Deferred, &j.Environment, &labels, &j.position, &j.phase,
		&j.ended, &j.Result, &j.Cause, &outputs, &j.sealed, &j.group, &j.plan,
		&asked, &deadline, &decision.By, &decided, &decision.Comment, &j.Epoch, &queuedAt, &started, &finished, &j.Note, &j.Agent)
	if err != nil {
		return j, err
	}
	j.State = j.phase.state()
	j.QueuedAt, j.StartedAt = timeOrNil(queuedAt), timeOrNil(started)
	if j.phase == done {
		j.FinishedAt = timeOrNil(finished)
	}
	if j.State != plan.Running && j.phase != offered && j.phase != done {
		j.Note = ""
		j.Agent = "" // one that gave it back has it no more
	}
	if j.plan != "" {
		decision.AskedAt, decision.Deadline, decision.At = timeOrNil(asked), timeOrNil(deadline), timeOrNil(decided)
		question, err := questionOf(j.plan)
		if err != nil {
			return j, err
		}
		decision.Approvers, decision.Message = question.Approvers, question.Message
		j.Approval = &decision
	}
	j.Outputs, err = readOutputs(outputs, j.sealed, secret)
	return j, errors.Join(err, fromJSON(matrix, &j.Matrix), fromJSON(needs, &j.Needs), fromJSON(optional, &j.Optional), fromJSON(labels, &j.Labels))
}

// readJobs answers the nodes of a run with their activities, in the order of the plan.
func readJobs(ctx context.Context, q querier, r server.Run) ([]server.Job, error) {
	rows, err := collect(ctx, q, scanJob, selectJobs+` WHERE j.run = ? ORDER BY j.position, j.part`, r.ID)
	if err != nil {
		return nil, err
	}
	at := make(map[string]*server.Job, len(rows))
	jobs := make([]server.Job, len(rows))
	for i := range rows {
		jobs[i] = rows[i].Job
		at[jobs[i].Name] = &jobs[i]
	}
	attempts, err := readAttempts(ctx, q, r.ID)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		jobs[i].Attempts = attempts[jobs[i].Name]
		if n := len(jobs[i].Attempts); n > 0 { // it kept its place in the queue, but did not wait while it ran
			jobs[i].QueuedAt = &jobs[i].Attempts[n-1].FinishedAt
		}
	}
	w := &waits{q: q, run: r, jobs: at}
	for i := range rows {
		if jobs[i].WaitsFor, err = w.text(ctx, rows[i]); err != nil {
			return nil, err
		}
	}
	_, err = collect(ctx, q, func(row scanner) (struct{}, error) {
		a, err := scanActivity(row)
		if err == nil {
			at[a.job].Activities = append(at[a.job].Activities, a.Activity)
		}
		return struct{}{}, err
	}, selectActivities+` WHERE run = ? ORDER BY position`, r.ID)
	return jobs, err
}

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
