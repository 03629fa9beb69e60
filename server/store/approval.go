package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// ask begins to wait for the answer of a person.
func (t *tx) ask(ctx context.Context, job server.JobRef) error {
	question, err := t.question(ctx, job)
	if err != nil {
		return err
	}
	var deadline sql.NullInt64
	if question.Timeout > 0 {
		deadline = sql.NullInt64{Int64: t.now + time.Duration(question.Timeout).Microseconds(), Valid: true}
	}
	n, err := t.exec(ctx, `UPDATE jobs SET phase = 'asked', asked_at = ?, deadline = ? WHERE run = ? AND name = ? AND phase = 'waiting'`,
		t.now, deadline, job.Run, job.Job)
	if err != nil {
		return fmt.Errorf("asking for approval: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("asking for approval %q: it does not wait any more", job.Job)
	}
	t.changed(server.Change{Run: job.Run, Job: job.Job, State: plan.Waiting, WaitsFor: approvalText(question)})
	return nil
}

func (t *tx) question(ctx context.Context, job server.JobRef) (plan.Approval, error) {
	var body string
	if err := t.sql.QueryRowContext(ctx, `SELECT plan FROM jobs WHERE run = ? AND name = ?`, job.Run, job.Job).Scan(&body); err != nil {
		return plan.Approval{}, fmt.Errorf("reading approval: %w", err)
	}
	return questionOf(body)
}

// questionOf answers what an approval asks, given its plan.
func questionOf(body string) (plan.Approval, error) {
	var p struct {
		Approval plan.Approval `json:"approval"`
	}
	return p.Approval, fromJSON(body, &p)
}

// approvalText says what an approval waits for.
func approvalText(q plan.Approval) string {
	who := "anybody"
	if len(q.Approvers) > 0 {
		who = strings.Join(q.Approvers, ", ")
	}
	text := "approval by " + who
	if q.Message != "" {
		text += ": " + q.Message
	}
	return text
}

// Decide answers an approval. It is a Conflict if it does not wait for an answer (any more), and NotFound if there is none of
// that name.
func (db *DB) Decide(ctx context.Context, run server.RunID, job string, d server.Decision) error {
	return db.write(ctx, func(t *tx) error {
		ref := server.JobRef{Run: run, Job: job}
		n, err := t.exec(ctx, `UPDATE jobs SET decided_by = ?, decided_at = ?, comment = ? WHERE run = ? AND name = ? AND phase = 'asked'`,
			d.By, t.now, d.Comment, run, job)
		if err != nil {
			return fmt.Errorf("storing decision: %w", err)
		}
		if n == 0 {
			return t.whyNotAsked(ctx, ref)
		}
		result, cause := plan.Passed, ""
		if !d.Approve {
			result, cause = plan.Failed, "rejected by "+d.By
			if d.Comment != "" {
				cause += ": " + d.Comment
			}
		}
		t.disturb(run, job)
		return t.end(ctx, ref, result, cause, `phase = 'asked'`)
	})
}

// whyNotAsked says why nobody can answer.
func (t *tx) whyNotAsked(ctx context.Context, job server.JobRef) error {
	var kind plan.Kind
	var p phase
	var result plan.Result
	var by string
	err := t.sql.QueryRowContext(ctx, `SELECT kind, phase, result, decided_by FROM jobs WHERE run = ? AND name = ?`, job.Run, job.Job).Scan(&kind, &p, &result, &by)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && kind != plan.KindApproval:
		return server.Errorf(server.NotFound, "there is no approval %q in run %d", job.Job, job.Run)
	case err != nil:
		return fmt.Errorf("reading approval: %w", err)
	case p != done:
		return server.Errorf(server.Conflict, "approval %q of run %d does not wait for an answer yet", job.Job, job.Run)
	case by != "" && result == plan.Passed:
		return server.Errorf(server.Conflict, "approval %q of run %d was approved already, by %s", job.Job, job.Run, by)
	case by != "":
		return server.Errorf(server.Conflict, "approval %q of run %d was rejected already, by %s", job.Job, job.Run, by)
	}
	return server.Errorf(server.Conflict, "approval %q of run %d is done already (%s)", job.Job, job.Run, result)
}
