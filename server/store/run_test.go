package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func TestCreateRun(t *testing.T) {
	t.Run("OK", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("vet"), job("test"), job("deploy", "vet", "test"))
		if r.ID != 1 || r.Pipeline != "ci" || r.Event.Branch != "main" {
			t.Errorf("run is %+v", r)
		}
		if got := states(r); got != "queued | vet: queued | test: queued | deploy: waiting" {
			t.Errorf("run is %s", got)
		}
		if got := r.Jobs[2].WaitsFor; got != "needs vet, test" {
			t.Errorf("deploy waits for %q", got)
		}
		finish(t, db, start(t, db, r.ID, "test"), plan.Passed, "")
		if got := read(t, db, r.ID).Jobs[2].WaitsFor; got != "needs vet" {
			t.Errorf("deploy waits for %q", got)
		}
		body, err := db.JobPlan(t.Context(), r.ID, "deploy")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(job("deploy", "vet", "test"), body); diff != "" {
			t.Errorf("plan of job (-want +got):\n%s", diff)
		}
	})
	t.Run("DoneFromTheStart", func(t *testing.T) {
		db := ready(t)
		problems := []plan.Problem{{Code: "E204", Severity: plan.Error, Title: "Unknown job", Start: plan.Position{Line: 3, Column: 1}}}
		r, err := db.CreateRun(t.Context(), server.NewRun{Run: server.Run{
			Project: "app", State: plan.Done, Result: plan.Failed, Cause: "the pipeline has mistakes", Problems: problems,
		}})
		if err != nil {
			t.Fatal(err)
		}
		if r.State != plan.Done || r.FinishedAt == nil || r.StartedAt != nil {
			t.Errorf("run is %+v", r)
		}
		if diff := cmp.Diff(problems, r.Problems); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if got := changes(t.Context(), t, db, r.ID); len(got) != 1 || got[0].Result != plan.Failed {
			t.Errorf("changes are %+v", got)
		}
	})
	t.Run("ErrNeitherPlanNorDone", func(t *testing.T) {
		db := ready(t)
		if _, err := db.CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: "app"}}); err == nil {
			t.Error("no error")
		}
	})
	t.Run("ErrNoJob", func(t *testing.T) {
		_, err := ready(t).CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: "app"}, Plan: &plan.Plan{Version: 1, Pipeline: "ci"}})
		wantKind(t, err, server.Invalid)
	})
	t.Run("ErrNotFound", func(t *testing.T) {
		db := ready(t)
		_, err := db.Run(t.Context(), 7)
		wantKind(t, err, server.NotFound)
		_, err = db.JobPlan(t.Context(), 7, "test")
		wantKind(t, err, server.NotFound)
	})
}

func TestRuns(t *testing.T) {
	db := ready(t)
	if err := db.CreateProject(t.Context(), server.Project{Name: "lib", URL: "/srv/lib.git"}); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		project := []string{"app", "lib"}[i%2]
		if _, err := db.CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: project, State: plan.Done, Result: plan.Skipped}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		filter server.RunFilter
		want   []server.RunID
	}{
		"All":     {server.RunFilter{}, []server.RunID{6, 5, 4, 3, 2, 1}},
		"Project": {server.RunFilter{Project: "lib"}, []server.RunID{6, 4, 2}},
		"Page":    {server.RunFilter{Before: 5, Limit: 2}, []server.RunID{4, 3}},
		"Unknown": {server.RunFilter{Project: "nobody"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			runs, err := db.Runs(t.Context(), test.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []server.RunID
			for _, r := range runs {
				got = append(got, r.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEndOfRun(t *testing.T) {
	for name, test := range map[string]struct {
		jobs   []plan.Job
		ends   map[string]plan.Result // of the jobs that can run
		states string
		causes []string // of the run and then of its jobs
	}{
		"Passed": {
			jobs:   []plan.Job{job("test"), job("deploy", "test")},
			ends:   map[string]plan.Result{"test": plan.Passed, "deploy": plan.Passed},
			states: "done passed | test: done passed | deploy: done passed",
			causes: []string{"", "do: ", "do: "},
		},
		"FailureSkipsAllThatNeedIt": { // in whatever order it is written
			jobs:   []plan.Job{job("announce", "deploy"), job("deploy", "test"), job("test"), job("vet")},
			ends:   map[string]plan.Result{"test": plan.Failed, "vet": plan.Passed},
			states: "done failed | announce: done skipped | deploy: done skipped | test: done failed | vet: done passed",
			causes: []string{"test/do: exit code 1", "needs deploy, which was skipped", "needs test, which failed", "do: exit code 1", "do: "},
		},
		"LastFailureEndsTheRun": {
			jobs:   []plan.Job{job("announce", "deploy"), job("deploy", "test"), job("test")},
			ends:   map[string]plan.Result{"test": plan.Failed},
			states: "done failed | announce: done skipped | deploy: done skipped | test: done failed",
			causes: []string{"test/do: exit code 1", "needs deploy, which was skipped", "needs test, which failed", "do: exit code 1"},
		},
		"WarnedSatisfies": {
			jobs:   []plan.Job{job("lint"), job("deploy", "lint")},
			ends:   map[string]plan.Result{"lint": plan.Warned, "deploy": plan.Passed},
			states: "done warned | lint: done warned | deploy: done passed",
			causes: []string{"lint/do: exit code 1", "do: exit code 1", "do: "},
		},
		"LostSkips": {
			jobs:   []plan.Job{job("test"), job("deploy", "test")},
			ends:   map[string]plan.Result{"test": plan.Lost},
			states: "done lost | test: done lost | deploy: done skipped",
			causes: []string{"test/do: exit code 1", "do: exit code 1", "needs test, which was lost"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := ready(t)
			r := create(t, db, test.jobs...)
			for range test.ends {
				queue, err := db.QueuedJobs(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				next := queue[0].Job
				cause := "exit code 1"
				if test.ends[next] == plan.Passed {
					cause = ""
				}
				finish(t, db, start(t, db, r.ID, next), test.ends[next], cause)
			}
			r = read(t, db, r.ID)
			if got := states(r); got != test.states {
				t.Errorf("run is %s\n     want %s", got, test.states)
			}
			causes := []string{r.Cause}
			for _, j := range r.Jobs {
				causes = append(causes, j.Cause)
			}
			if diff := cmp.Diff(test.causes, causes); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProjects(t *testing.T) {
	db := ready(t)
	wantKind(t, db.CreateProject(t.Context(), server.Project{Name: "app", URL: "/elsewhere"}), server.Conflict)
	wantKind(t, db.CreateProject(t.Context(), server.Project{Name: "App", URL: "/elsewhere"}), server.Invalid)
	_, err := db.Project(t.Context(), "nobody")
	wantKind(t, err, server.NotFound)
	wantKind(t, db.SetProjectProblem(t.Context(), "nobody", "x"), server.NotFound)
	if err := db.SetProjectProblem(t.Context(), "app", "cannot be read"); err != nil {
		t.Fatal(err)
	}
	all, err := db.Projects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Problem != "cannot be read" || time.Since(all[0].CreatedAt) > time.Minute {
		t.Errorf("projects are %+v", all)
	}
}

func TestNumberThatWasPlanned(t *testing.T) {
	db := ready(t)
	next, err := db.NextRun(t.Context())
	if err != nil || next != 1 {
		t.Fatalf("next is %d, error %v", next, err)
	}
	create(t, db, job("test"))
	ended := server.Run{ID: next, Project: "app", State: plan.Done, Result: plan.Failed}
	if _, err := db.CreateRun(t.Context(), server.NewRun{Run: ended}); !errors.Is(err, server.ErrNotNext) {
		t.Errorf("error is %v, want ErrNotNext", err)
	}
	if ended.ID, err = db.NextRun(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := db.CreateRun(t.Context(), server.NewRun{Run: ended}); err != nil || r.ID != 2 {
		t.Errorf("run is %d, error %v", r.ID, err)
	}
}
