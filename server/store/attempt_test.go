package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// again makes a job that may be lost n times.
func again(name string, n int, needs ...string) plan.Job {
	return with(job(name, needs...), func(j *plan.Job) { j.Retries = plan.Retries{By: map[plan.Cause]int{plan.CauseLost: n}} })
}

func TestALostJobBeginsAnew(t *testing.T) {
	for name, lose := range map[string]func(context.Context, *store.DB, server.Claim) error{
		"ByTheServer": func(ctx context.Context, db *store.DB, c server.Claim) error {
			return db.Lose(ctx, c, "the host is gone")
		},
		"ByReport": func(ctx context.Context, db *store.DB, c server.Claim) error {
			r := end(c, 7, plan.Lost, "the container is gone")
			r.Cause = "the host is gone"
			return errors.Join(db.Report(ctx, "a1", r), db.Report(ctx, "a1", r)) // which may come twice
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := ready(t)
			r := create(t, db, again("test", 2), job("deploy", "test"))
			for attempt := range 2 {
				c := start(t, db, r.ID, "test")
				if err := lose(t.Context(), db, c); err != nil {
					t.Fatal(err)
				}
				got := read(t, db, r.ID)
				wantStates(t, got, "running | test: queued | deploy: waiting")
				j := got.Jobs[0]
				want := []string{"attempt 1 of 3 was lost on agent host-a1: the host is gone", "attempt 2 of 3 was lost on agent host-a1: the host is gone"}[attempt]
				if j.Cause != want || len(j.Attempts) != attempt+1 || j.Activities[0].State != plan.Waiting || j.StartedAt != nil {
					t.Errorf("the job is %+v", j)
				}
				a := j.Attempts[attempt]
				if a.Epoch != c.Epoch || a.Agent != "host-a1" || a.Cause != "the host is gone" || a.Result != plan.Lost || a.StartedAt == nil || a.Activities[0].State != plan.Done {
					t.Errorf("the attempt is %+v", a)
				}
				queued, err := db.QueuedJobs(t.Context())
				if err != nil || len(queued) != 1 || queued[0].Avoid != "a1" {
					t.Errorf("queued are %+v, error %v", queued, err)
				}
				// What is said of an epoch that is over changes nothing.
				if err := db.Report(t.Context(), "a1", end(c, 9, plan.Passed, "")); !errors.Is(err, server.ErrStale) {
					t.Errorf("a late result answers %v", err)
				}
				wantStates(t, read(t, db, r.ID), "running | test: queued | deploy: waiting")
			}
			c := start(t, db, r.ID, "test")
			if j := read(t, db, r.ID).Jobs[0]; j.Cause != "" {
				t.Errorf("the cause of one that runs is %q", j.Cause)
			}
			if err := lose(t.Context(), db, c); err != nil {
				t.Fatal(err)
			}
			got := read(t, db, r.ID)
			wantStates(t, got, "done lost | test: done lost | deploy: done skipped")
			if got.Jobs[0].Cause != "the host is gone (attempt 3 of 3)" {
				t.Errorf("the cause is %q", got.Jobs[0].Cause)
			}
		})
	}
	t.Run("AndPasses", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, again("test", 1))
		if err := db.Lose(t.Context(), start(t, db, r.ID, "test"), "gone"); err != nil {
			t.Fatal(err)
		}
		finish(t, db, start(t, db, r.ID, "test"), plan.Passed, "")
		wantStates(t, read(t, db, r.ID), "done passed | test: done passed")
		var told bool
		for _, c := range changes(t.Context(), t, db, r.ID) {
			told = told || c.State == plan.Queued && strings.HasPrefix(c.Cause, "attempt 1 of 2 was lost")
		}
		if !told {
			t.Error("the history says nothing of the first attempt")
		}
	})
}

func TestALostJobDoesNotBeginAnew(t *testing.T) {
	deploy := with(again("deploy", 3), func(j *plan.Job) { j.Activities[0].SideEffects = true })
	for name, tt := range map[string]struct {
		job   plan.Job
		do    func(context.Context, *store.DB, server.Claim) error
		cause string
	}{
		"PlanSaysNothing": {job("test"), func(ctx context.Context, db *store.DB, c server.Claim) error { return db.Lose(ctx, c, "gone") }, "gone"},
		"ForGood":         {again("test", 3), func(ctx context.Context, db *store.DB, c server.Claim) error { return db.LoseForGood(ctx, c, "gone") }, "gone"},
		"Canceled": {again("test", 3), func(ctx context.Context, db *store.DB, c server.Claim) error {
			return errors.Join(db.Cancel(ctx, c.Run, "canceled by dana"), db.Lose(ctx, c, "gone"))
		}, "gone"},
		"SideEffectsMayHaveBegun": {
			deploy, func(ctx context.Context, db *store.DB, c server.Claim) error { return db.Lose(ctx, c, "gone") },
			"gone; it is not begun anew, because activity do has side effects and may have begun",
		},
		"SideEffectsBegan": {
			deploy, func(ctx context.Context, db *store.DB, c server.Claim) error {
				began := time.Second
				return db.Report(ctx, "a1", server.JobReport{Claim: c, Revision: 1, Result: plan.Lost, Cause: "gone", Activities: []server.ActivityReport{
					{Name: "do", State: plan.Done, Result: plan.Lost, Began: &began, Took: &began},
				}})
			}, "gone; it is not begun anew, because activity do has side effects and may have begun",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := ready(t)
			r := create(t, db, tt.job)
			if err := tt.do(t.Context(), db, start(t, db, r.ID, tt.job.Name)); err != nil {
				t.Fatal(err)
			}
			got := read(t, db, r.ID)
			if j := got.Jobs[0]; j.Result != plan.Lost || j.Cause != tt.cause {
				t.Errorf("the job is %s, cause %q", j.Result, j.Cause)
			}
		})
	}
	t.Run("ButSideEffectsThatNeverBeganDoNotMatter", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, deploy)
		c := start(t, db, r.ID, "deploy")
		report := server.JobReport{Claim: c, Revision: 1, Result: plan.Lost, Cause: "gone", Activities: []server.ActivityReport{{Name: "do", State: plan.Done, Result: plan.Skipped}}}
		if err := db.Report(t.Context(), "a1", report); err != nil {
			t.Fatal(err)
		}
		wantStates(t, read(t, db, r.ID), "running | deploy: queued")
	})
}

func TestNotes(t *testing.T) {
	db := ready(t)
	r := create(t, db, job("test"))
	c := start(t, db, r.ID, "test")
	const note = "the agent was restarted; the job went on"
	for revision := range int64(3) {
		if err := db.Report(t.Context(), "a1", server.JobReport{Claim: c, Revision: revision + 1, Note: note}); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	for _, ch := range changes(t.Context(), t, db, r.ID) {
		if ch.Note == note {
			told++
		}
	}
	if j := read(t, db, r.ID).Jobs[0]; j.Note != note || told != 1 {
		t.Errorf("the note of the job is %q, and was told %d times", j.Note, told)
	}
}

// An agent that is heard of and never ends a job is not waited for without end.
func TestNoJobRunsForEver(t *testing.T) {
	db, clock := readyAt(t)
	r := create(t, db, with(again("test", 3), func(j *plan.Job) { j.Timeout = plan.Duration(time.Hour) }))
	epoch, err := db.Offer(t.Context(), r.ID, "test", "a1")
	if err != nil {
		t.Fatal(err)
	}
	c := server.Claim{Run: r.ID, Job: "test", Epoch: epoch}
	if err := db.Accept(t.Context(), c, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	if next := expire(t, db); !next.Equal(clock.t.Add(time.Hour + 2*time.Minute)) {
		t.Fatalf("next is %v", next)
	}
	clock.t = clock.t.Add(time.Hour + 2*time.Minute)
	next := expire(t, db)
	if held, err := db.HeldJobs(t.Context(), "a1"); err != nil || len(held) != 1 || !held[0].Hard || held[0].Fence != 10*time.Minute {
		t.Fatalf("held are %+v, error %v", held, err)
	}
	if !next.Equal(clock.t.Add(22 * time.Minute)) {
		t.Errorf("next is %v", next)
	}
	clock.t = next
	expire(t, db)
	got := read(t, db, r.ID)
	wantStates(t, got, "done lost | test: done lost")
	if want := "its timeout is over, and agent host-a1 goes on with it; agent host-a1 never reported its end"; got.Jobs[0].Cause != want {
		t.Errorf("the cause is %q, want %q", got.Jobs[0].Cause, want)
	}
}
