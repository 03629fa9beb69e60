package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func twoActivities() plan.Job {
	j := job("test")
	j.Activities = append(j.Activities, plan.Activity{Name: "then", Image: "golang"})
	return j
}

func ptr[T any](v T) *T { return &v }

func TestReport(t *testing.T) {
	t.Run("TimesAreTheServers", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, twoActivities())
		c := start(t, db, r.ID, "test")
		err := db.Report(t.Context(), "a1", server.JobReport{Claim: c, Revision: 1, Activities: []server.ActivityReport{
			{
				Name: "do", State: plan.Done, Result: plan.Passed, ExitCode: ptr(0),
				Began: ptr(2 * time.Second), Took: ptr(3 * time.Second), LogBytes: 42, LogSHA256: "abcd",
			},
			{Name: "then", State: plan.Running, Began: ptr(6 * time.Second)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		j := read(t, db, r.ID).Jobs[0]
		want := []server.Activity{
			{
				Name: "do", Image: "alpine", State: plan.Done, Result: plan.Passed, ExitCode: ptr(0),
				StartedAt: ptr(j.StartedAt.Add(2 * time.Second)), FinishedAt: ptr(j.StartedAt.Add(5 * time.Second)), LogBytes: 42, LogSHA256: "abcd",
			},
			{Name: "then", Image: "golang", State: plan.Running, StartedAt: ptr(j.StartedAt.Add(6 * time.Second))},
		}
		if diff := cmp.Diff(want, j.Activities); diff != "" {
			t.Errorf("activities (-want +got):\n%s", diff)
		}
	})
	t.Run("OldRevisionChangesNothing", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("test"))
		c := start(t, db, r.ID, "test")
		running := server.JobReport{Claim: c, Revision: 2, Activities: []server.ActivityReport{{Name: "do", State: plan.Running}}}
		if err := db.Report(t.Context(), "a1", running); err != nil {
			t.Fatal(err)
		}
		before := changes(t.Context(), t, db, r.ID)
		for _, revision := range []int64{1, 2} {
			late := end(c, revision, plan.Failed, "late")
			late.Result = ""
			if err := db.Report(t.Context(), "a1", late); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(before, changes(t.Context(), t, db, r.ID)); diff != "" {
			t.Errorf("changes (-before +after):\n%s", diff)
		}
	})
	t.Run("ButAnEndCounts", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("test"))
		c := start(t, db, r.ID, "test")
		running := server.JobReport{Claim: c, Revision: 7, Activities: []server.ActivityReport{{Name: "do", State: plan.Running}}}
		if err := db.Report(t.Context(), "a1", running); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := db.Report(t.Context(), "a1", end(c, 7, plan.Passed, "")); err != nil {
				t.Fatal(err)
			}
		}
		wantStates(t, read(t, db, r.ID), "done passed | test: done passed")
	})
	t.Run("DoneActivityStaysAsItIs", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, twoActivities())
		c := start(t, db, r.ID, "test")
		for i, result := range []plan.Result{plan.Passed, plan.Failed} {
			report := server.JobReport{Claim: c, Revision: int64(i) + 1, Activities: []server.ActivityReport{
				{Name: "do", State: plan.Done, Result: result, Cause: string(result)},
			}}
			if err := db.Report(t.Context(), "a1", report); err != nil {
				t.Fatal(err)
			}
		}
		if a := read(t, db, r.ID).Jobs[0].Activities[0]; a.Result != plan.Passed || a.Cause != "passed" {
			t.Errorf("activity is %+v", a)
		}
	})
	t.Run("FinalTwiceHasTheEffectOfOne", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("test"))
		c := start(t, db, r.ID, "test")
		finish(t, db, c, plan.Failed, "exit code 1")
		before, history := read(t, db, r.ID), changes(t.Context(), t, db, r.ID)
		finish(t, db, c, plan.Failed, "exit code 1")
		if diff := cmp.Diff(before, read(t, db, r.ID)); diff != "" {
			t.Errorf("run (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(history, changes(t.Context(), t, db, r.ID)); diff != "" {
			t.Errorf("changes (-before +after):\n%s", diff)
		}
		wantKind(t, db.Report(t.Context(), "a1", end(c, 1001, plan.Passed, "")), server.Conflict)
	})
	t.Run("ActivitiesOfAnEndedJobEnd", func(t *testing.T) {
		db := ready(t)
		j := twoActivities()
		j.Activities = append(j.Activities, plan.Activity{Name: "last"})
		r := create(t, db, j)
		c := start(t, db, r.ID, "test")
		if err := db.Report(t.Context(), "a1", server.JobReport{Claim: c, Revision: 1, Activities: []server.ActivityReport{
			{Name: "do", State: plan.Done, Result: plan.Passed},
			{Name: "then", State: plan.Running, Began: ptr(time.Second)},
		}}); err != nil {
			t.Fatal(err)
		}
		if err := db.Lose(t.Context(), c, "agent host-a1 was lost"); err != nil {
			t.Fatal(err)
		}
		var got []plan.Result
		for _, a := range read(t, db, r.ID).Jobs[0].Activities {
			got = append(got, a.Result)
		}
		if diff := cmp.Diff([]plan.Result{plan.Passed, plan.Lost, plan.Skipped}, got); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
	})
	t.Run("ErrInvalid", func(t *testing.T) {
		db := ready(t)
		c := start(t, db, create(t, db, job("test")).ID, "test")
		for _, a := range []server.ActivityReport{
			{Name: "nobody", State: plan.Running},
			{Name: "do", State: "sleeping"},
			{Name: "do", State: plan.Done},
			{Name: "do", State: plan.Running, Result: plan.Passed},
			{Name: "do", State: plan.Done, Result: "great"},
		} {
			err := db.Report(t.Context(), "a1", server.JobReport{Claim: c, Revision: 1, Activities: []server.ActivityReport{a}})
			wantKind(t, err, server.Invalid)
		}
		wantKind(t, db.Report(t.Context(), "a1", server.JobReport{Claim: c, Revision: 1, Result: "great"}), server.Invalid)
	})
}

func TestCancel(t *testing.T) {
	t.Run("WhatDoesNotRunEndsAtOnce", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("test"), job("vet"), job("deploy", "test"))
		offered := offer(t, db, r.ID)
		if err := db.Cancel(t.Context(), r.ID, "canceled by dana"); err != nil {
			t.Fatal(err)
		}
		got := read(t, db, r.ID)
		if s := states(got); s != "done canceled | test: done canceled | vet: done canceled | deploy: done canceled" {
			t.Errorf("run is %s", s)
		}
		if got.Cause != "canceled by dana" || got.Jobs[1].Cause != "canceled by dana" || got.Jobs[1].Activities[0].Result != plan.Canceled {
			t.Errorf("run is %+v", got)
		}
		wantKind(t, db.Accept(t.Context(), offered, 0), server.Conflict)
		wantKind(t, db.Cancel(t.Context(), r.ID, "again"), server.Conflict)
	})
	t.Run("WhatRunsIsMarked", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("test"), job("deploy", "test"))
		c := start(t, db, r.ID, "test")
		for _, reason := range []string{"canceled by dana", "canceled by somebody else"} {
			if err := db.Cancel(t.Context(), r.ID, reason); err != nil {
				t.Fatal(err)
			}
		}
		got := read(t, db, r.ID)
		if s := states(got); s != "running | test: running | deploy: done canceled" || got.Cause != "canceled by dana" {
			t.Errorf("run is %s because %q", s, got.Cause)
		}
		held, err := db.HeldJobs(t.Context(), "a1")
		if err != nil {
			t.Fatal(err)
		}
		if len(held) != 1 || !held[0].Cancel || held[0].Reason != "canceled by dana" {
			t.Errorf("held jobs are %+v", held)
		}
		finish(t, db, c, plan.Canceled, "canceled by dana")
		got = read(t, db, r.ID)
		if s := states(got); s != "done canceled | test: done canceled | deploy: done canceled" || got.Cause != "canceled by dana" {
			t.Errorf("run is %s because %q", s, got.Cause)
		}
	})
	t.Run("TooLateToCancel", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("test"))
		c := start(t, db, r.ID, "test")
		if err := db.Cancel(t.Context(), r.ID, "canceled by dana"); err != nil {
			t.Fatal(err)
		}
		finish(t, db, c, plan.Passed, "")
		if got := read(t, db, r.ID); states(got) != "done passed | test: done passed" || got.Cause != "" {
			t.Errorf("run is %s because %q", states(got), got.Cause)
		}
	})
	t.Run("ErrNotFound", func(t *testing.T) {
		wantKind(t, ready(t).Cancel(t.Context(), 7, ""), server.NotFound)
	})
}
