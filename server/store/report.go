package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Report stores what an agent says of a job that runs there. A report that is no newer than the last changes nothing, unless it
// brings the end, so it may be sent as often as it takes. With a result the job is done, and what waited for it is queued or skipped in the
// same transaction.
//
// It answers a Conflict that is server.ErrStale if the epoch is over or the job is done otherwise, and Invalid if the
// report makes no sense for this job.
func (db *DB) Report(ctx context.Context, agent server.AgentID, r server.JobReport) error {
	if err := checkReport(r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		started, news, err := t.receive(ctx, agent, r)
		if err != nil || !news {
			return err
		}
		if err := t.reportActivities(ctx, r, started); err != nil {
			return err
		}
		if r.Result == "" {
			return t.note(ctx, r)
		}
		return t.finishJob(ctx, ending{Claim: r.Claim, result: r.Result, cause: r.Cause})
	})
}

// note stores what an agent says of a job that goes on, if that is new.
func (t *tx) note(ctx context.Context, r server.JobReport) error {
	if r.Note == "" {
		return nil
	}
	n, err := t.exec(ctx, `UPDATE jobs SET note = ? WHERE run = ? AND name = ? AND note <> ?`, r.Note, r.Run, r.Job, r.Note)
	if err != nil {
		return fmt.Errorf("storing note: %w", err)
	}
	if n > 0 {
		t.changed(server.Change{Run: r.Run, Job: r.Job, State: plan.Running, Note: r.Note})
	}
	return nil
}

// receive guards a report: it answers whether there is news in it, and when the job started.
func (t *tx) receive(ctx context.Context, agent server.AgentID, r server.JobReport) (started int64, news bool, err error) {
	// An end counts whatever its number: an agent that lost power may have lost count, and a job that runs must come to its end.
	err = t.sql.QueryRowContext(ctx, `UPDATE jobs SET revision = CASE WHEN revision < ? THEN ? ELSE revision END
		WHERE run = ? AND name = ? AND epoch = ? AND agent = ? AND phase = 'running' AND (revision < ? OR ? <> '') RETURNING started_at`,
		r.Revision, r.Revision, r.Run, r.Job, r.Epoch, agent, r.Revision, r.Result).Scan(&started)
	if err == nil {
		return started, true, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, false, fmt.Errorf("storing report: %w", err)
	}
	return 0, false, t.checkRepeated(ctx, agent, r)
}

// checkRepeated says whether a report without news is a harmless repetition.
func (t *tx) checkRepeated(ctx context.Context, agent server.AgentID, r server.JobReport) error {
	if again, err := t.wasLost(ctx, agent, r); again || err != nil {
		return err
	}
	var p phase
	var result plan.Result
	var revision int64
	err := t.sql.QueryRowContext(ctx, `SELECT phase, CASE WHEN phase = 'concluding' THEN ended ELSE result END, revision FROM jobs WHERE run = ? AND name = ? AND epoch = ? AND agent = ?`,
		r.Run, r.Job, r.Epoch, agent).Scan(&p, &result, &revision)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return stale(r.Claim)
	case err != nil:
		return fmt.Errorf("reading job: %w", err)
	case p == running:
		return nil
	case p == offered && r.Result == "":
		return nil // it says that it waits for its Start
	case p == offered:
		return server.Errorf(server.Conflict, "job %q of run %d was not started, and cannot have ended", r.Job, r.Run)
	case (p == done || p == concluding) && r.Revision <= revision && (r.Result == "" || r.Result == result):
		return nil
	}
	return stale(r.Claim)
}

// finishJob ends a running job. One that was lost may begin anew; one with outputs is only done once they are computed.
func (t *tx) finishJob(ctx context.Context, e ending) error {
	if e.result == plan.Lost && !e.final {
		again, cause, err := t.beginAnew(ctx, e)
		if again || err != nil {
			return err
		}
		e.cause = cause
	}
	var concludes bool
	err := t.sql.QueryRowContext(ctx, `UPDATE jobs SET phase = CASE WHEN concludes = 1 THEN 'concluding' ELSE phase END,
			ended = CASE WHEN concludes = 1 THEN ? ELSE '' END, cause = ?, finished_at = ?
		WHERE run = ? AND name = ? AND epoch = ? AND phase = 'running' RETURNING concludes`,
		e.result, e.cause, t.now, e.Run, e.Job, e.Epoch).Scan(&concludes)
	if errors.Is(err, sql.ErrNoRows) {
		return stale(e.Claim)
	}
	if err != nil {
		return fmt.Errorf("finishing job: %w", err)
	}
	if concludes {
		t.jobChanged(e.Ref(), plan.Running, "", e.cause)
		return t.endActivities(ctx, e.Ref(), endOf(e.result, e.cause))
	}
	t.disturb(e.Run, e.Job)
	return t.end(ctx, e.Ref(), e.result, e.cause, `phase = 'running'`)
}

// Lose ends a running job whose agent will not say what became of it, and has certainly ended it: it may begin anew elsewhere.
func (db *DB) Lose(ctx context.Context, c server.Claim, cause string) error {
	return db.write(ctx, func(t *tx) error {
		return t.finishJob(ctx, ending{Claim: c, result: plan.Lost, cause: cause, silent: true})
	})
}

// LoseForGood is Lose without another attempt: the next one would be lost in the same way, or nobody knows whether this one ended.
func (db *DB) LoseForGood(ctx context.Context, c server.Claim, cause string) error {
	return db.write(ctx, func(t *tx) error {
		return t.finishJob(ctx, ending{Claim: c, result: plan.Lost, cause: cause, silent: true, final: true})
	})
}

// checkReport answers Invalid for what no agent can mean.
func checkReport(r server.JobReport) error {
	if r.Result != "" && !isResult(r.Result) {
		return server.Errorf(server.Invalid, "report of job %q: there is no result %q", r.Job, r.Result)
	}
	for _, a := range r.Activities {
		switch {
		case rank(a.State) == 0:
			return server.Errorf(server.Invalid, "report of activity %q: there is no state %q", a.Name, a.State)
		case (a.State == plan.Done) != (a.Result != ""):
			return server.Errorf(server.Invalid, "report of activity %q: state %q does not go with result %q", a.Name, a.State, a.Result)
		case a.Result != "" && !isResult(a.Result):
			return server.Errorf(server.Invalid, "report of activity %q: there is no result %q", a.Name, a.Result)
		}
	}
	return nil
}

func isResult(r plan.Result) bool {
	switch r {
	case plan.Passed, plan.Warned, plan.Failed, plan.Canceled, plan.Skipped, plan.Lost:
		return true
	}
	return false
}

// rank orders the states of an activity; 0 is none of them.
func rank(s plan.State) int {
	switch s {
	case plan.Waiting:
		return 1
	case plan.Running:
		return 2
	case plan.Done:
		return 3
	}
	return 0
}
