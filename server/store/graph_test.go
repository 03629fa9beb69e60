package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// with changes a job before it is used.
func with(j plan.Job, change func(*plan.Job)) plan.Job {
	change(&j)
	return j
}

// matrix makes a matrix with n instances whose axis "v" counts from 1.
func matrix(name string, n int, needs ...string) []plan.Job {
	nodes := []plan.Job{{Name: name, Kind: plan.KindMatrix, Needs: needs}}
	for i := range n {
		nodes = append(nodes, with(job(fmt.Sprintf("%s.%d", name, i+1)), func(j *plan.Job) {
			j.Of, j.Matrix = name, []plan.Value{{Name: "v", Value: json.RawMessage(fmt.Sprint(i + 1))}}
		}))
	}
	return nodes
}

// play ends whatever is queued, first come first served, until nothing is. What has no result of its own passes.
func play(t *testing.T, db *store.DB, results map[string]plan.Result) (order []string) {
	t.Helper()
	for {
		queue, err := db.QueuedJobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(queue) == 0 {
			return order
		}
		j := queue[0]
		order = append(order, j.Job)
		result, cause := plan.Passed, ""
		if r, ok := results[j.Job]; ok {
			result, cause = r, "exit code 1"
		}
		finish(t, db, start(t, db, j.Run, j.Job), result, cause)
	}
}

func wantStates(t *testing.T, r server.Run, want string) {
	t.Helper()
	if got := states(r); got != want {
		t.Errorf("run is %s\n     want %s", got, want)
	}
}

// node answers a node of a run.
func node(t *testing.T, r server.Run, name string) server.Job {
	t.Helper()
	for _, j := range r.Jobs {
		if j.Name == name {
			return j
		}
	}
	t.Fatalf("run %d has no job %q", r.ID, name)
	return server.Job{}
}

func TestEdges(t *testing.T) {
	on := func(run plan.RunOn) func(*plan.Job) { return func(j *plan.Job) { j.RunOn = run } }
	for name, test := range map[string]struct {
		jobs   []plan.Job
		ends   map[string]plan.Result
		states string
		causes map[string]string
	}{
		"OnFailed": {
			jobs:   []plan.Job{job("test"), with(job("tell", "test"), on(plan.OnFailed)), job("deploy", "test")},
			ends:   map[string]plan.Result{"test": plan.Failed},
			states: "done failed | test: done failed | tell: done passed | deploy: done skipped",
			causes: map[string]string{"deploy": "needs test, which failed"},
		},
		"OnFailedWithoutFailure": {
			jobs:   []plan.Job{job("test"), with(job("tell", "test"), on(plan.OnFailed)), job("after", "tell")},
			states: "done passed | test: done passed | tell: done skipped | after: done skipped",
			causes: map[string]string{"tell": `run_on is "failed", and nothing it needs failed`, "after": "needs tell, which was skipped"},
		},
		"LostCountsAsFailed": {
			jobs:   []plan.Job{job("test"), with(job("tell", "test"), on(plan.OnFailed))},
			ends:   map[string]plan.Result{"test": plan.Lost},
			states: "done lost | test: done lost | tell: done passed",
		},
		"OnAlwaysAfterSkipped": {
			jobs:   []plan.Job{job("test"), job("deploy", "test"), with(job("clean", "deploy"), on(plan.OnAlways))},
			ends:   map[string]plan.Result{"test": plan.Failed},
			states: "done failed | test: done failed | deploy: done skipped | clean: done passed",
		},
		"Optional": {
			jobs: []plan.Job{
				with(job("lint"), func(j *plan.Job) { j.Skip = "when is false" }),
				with(job("deploy", "lint"), func(j *plan.Job) { j.Optional = []string{"lint"} }), job("strict", "lint"),
			},
			states: "done passed | lint: done skipped | deploy: done passed | strict: done skipped",
			causes: map[string]string{"lint": "when is false", "strict": "needs lint, which was skipped"},
		},
		"OptionalMustNotFail": {
			jobs:   []plan.Job{job("lint"), with(job("deploy", "lint"), func(j *plan.Job) { j.Optional = []string{"lint"} })},
			ends:   map[string]plan.Result{"lint": plan.Failed},
			states: "done failed | lint: done failed | deploy: done skipped",
		},
		"WhenComesAfterTheEdges": {
			jobs:   []plan.Job{job("test"), with(job("deploy", "test"), func(j *plan.Job) { j.Skip = "when is false" })},
			ends:   map[string]plan.Result{"test": plan.Failed},
			states: "done failed | test: done failed | deploy: done skipped",
			causes: map[string]string{"deploy": "needs test, which failed"},
		},
		"NothingRuns": {
			jobs:   []plan.Job{with(job("a"), func(j *plan.Job) { j.Skip = "when is false" }), job("b", "a")},
			states: "done skipped | a: done skipped | b: done skipped",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := ready(t)
			r := create(t, db, test.jobs...)
			play(t, db, test.ends)
			r = read(t, db, r.ID)
			wantStates(t, r, test.states)
			for name, want := range test.causes {
				if j := node(t, r, name); j.Cause != want || j.Activities[0].Cause != want {
					t.Errorf("cause of %s is %q, want %q", name, j.Cause, want)
				}
			}
			checkHistory(t, changes(t.Context(), t, db, r.ID), facts(r))
		})
	}
}

func TestMatrix(t *testing.T) {
	t.Run("HasTheWorstResult", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, slices.Concat([]plan.Job{job("build")}, matrix("test", 3, "build"), []plan.Job{job("deploy", "test")})...)
		wantStates(t, r, "queued | build: queued | test: waiting | test.1: waiting | test.2: waiting | test.3: waiting | deploy: waiting")
		if w := node(t, r, "test.2").WaitsFor; w != "needs build" {
			t.Errorf("an instance waits for %q", w)
		}
		finish(t, db, start(t, db, r.ID, "build"), plan.Passed, "")
		c := start(t, db, r.ID, "test.2")
		wantStates(t, read(t, db, r.ID), "running | build: done passed | test: running | test.1: queued | test.2: running | test.3: queued | deploy: waiting")
		finish(t, db, c, plan.Failed, "exit code 1")
		play(t, db, nil)
		r = read(t, db, r.ID)
		wantStates(t, r, "done failed | build: done passed | test: done failed | test.1: done passed | test.2: done failed | test.3: done passed | deploy: done skipped")
		if c := node(t, r, "test").Cause; r.Cause != "test (v 2)/do: exit code 1" || c != r.Cause {
			t.Errorf("causes are %q and %q", r.Cause, c)
		}
		if c := node(t, r, "deploy").Cause; c != "needs test, which failed" {
			t.Errorf("cause of deploy is %q", c)
		}
		checkHistory(t, changes(t.Context(), t, db, r.ID), facts(r))
	})
	t.Run("MaxParallel", func(t *testing.T) {
		db := ready(t)
		nodes := matrix("test", 5)
		nodes[0].MaxParallel = 2
		nodes[3].Skip = "when is false" // the third instance, which takes no room
		r := create(t, db, nodes...)
		wantStates(t, r, "queued | test: queued | test.1: queued | test.2: queued | test.3: waiting | test.4: waiting | test.5: waiting")
		if w := node(t, r, "test.4").WaitsFor; w != "other instances of test, because of max_parallel" {
			t.Errorf("an instance waits for %q", w)
		}
		finish(t, db, start(t, db, r.ID, "test.1"), plan.Passed, "")
		wantStates(t, read(t, db, r.ID), "running | test: running | test.1: done passed | test.2: queued | test.3: done skipped | test.4: queued | test.5: waiting")
		play(t, db, nil)
		wantStates(t, read(t, db, r.ID), "done passed | test: done passed | test.1: done passed | test.2: done passed | test.3: done skipped | test.4: done passed | test.5: done passed")
	})
	t.Run("FailFast", func(t *testing.T) {
		db := ready(t)
		nodes := matrix("test", 4)
		nodes[0].FailFast, nodes[0].MaxParallel = true, 3
		r := create(t, db, nodes...)
		first, second := start(t, db, r.ID, "test.1"), start(t, db, r.ID, "test.2")
		finish(t, db, second, plan.Failed, "exit code 1")
		r = read(t, db, r.ID)
		wantStates(t, r, "running | test: running | test.1: running | test.2: done failed | test.3: done canceled | test.4: done canceled")
		const why = "test (v 2) failed, and fail_fast is set"
		if c := node(t, r, "test.4").Cause; c != why {
			t.Errorf("cause is %q", c)
		}
		held, err := db.HeldJobs(t.Context(), "a1")
		if err != nil {
			t.Fatal(err)
		}
		if len(held) != 1 || !held[0].Cancel || held[0].Hard || held[0].Reason != why {
			t.Errorf("held jobs are %+v", held)
		}
		finish(t, db, first, plan.Canceled, why)
		r = read(t, db, r.ID)
		wantStates(t, r, "done failed | test: done failed | test.1: done canceled | test.2: done failed | test.3: done canceled | test.4: done canceled")
		if r.Cause != "test (v 2)/do: exit code 1" {
			t.Errorf("cause is %q", r.Cause)
		}
	})
	t.Run("Skipped", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, slices.Concat([]plan.Job{job("build")}, matrix("test", 2, "build"))...)
		play(t, db, map[string]plan.Result{"build": plan.Failed})
		r = read(t, db, r.ID)
		wantStates(t, r, "done failed | build: done failed | test: done skipped | test.1: done skipped | test.2: done skipped")
		if c := node(t, r, "test.2").Cause; c != "needs build, which failed" {
			t.Errorf("cause is %q", c)
		}
	})
	t.Run("Empty", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, append(matrix("test", 0), job("deploy", "test"))...)
		wantStates(t, r, "done skipped | test: done skipped | deploy: done skipped")
		if c := r.Jobs[0].Cause; c != "its matrix has no instance" {
			t.Errorf("cause is %q", c)
		}
	})
	t.Run("Canceled", func(t *testing.T) {
		db := ready(t)
		nodes := matrix("test", 3)
		nodes[0].MaxParallel = 2
		r := create(t, db, append(nodes, with(job("clean", "test"), func(j *plan.Job) { j.RunOn = plan.OnAlways }))...)
		c := start(t, db, r.ID, "test.1")
		if err := db.Cancel(t.Context(), r.ID, "canceled by dana"); err != nil {
			t.Fatal(err)
		}
		wantStates(t, read(t, db, r.ID), "running | test: running | test.1: running | test.2: done canceled | test.3: done canceled | clean: waiting")
		finish(t, db, c, plan.Canceled, "canceled by dana")
		wantStates(t, read(t, db, r.ID), "running | test: done canceled | test.1: done canceled | test.2: done canceled | test.3: done canceled | clean: queued")
		play(t, db, nil)
		wantStates(t, read(t, db, r.ID), "done canceled | test: done canceled | test.1: done canceled | test.2: done canceled | test.3: done canceled | clean: done passed")
	})
}

// A run says why it ended as it did, in the words of what was first.
func TestCauseOfRun(t *testing.T) {
	skipped := with(job("a"), func(j *plan.Job) { j.Skip = "when is false: 1 > 2" })
	empty := matrix("m", 0)[0]
	late := with(deferred("m"), func(j *plan.Job) { j.Kind = plan.KindMatrix })
	for name, test := range map[string]struct {
		nodes []plan.Job
		want  string
	}{
		"Skipped":     {[]plan.Job{skipped, job("b", "a")}, "a: when is false: 1 > 2"},
		"EmptyMatrix": {[]plan.Job{empty, job("b", "m")}, "m: its matrix has no instance"},
		"NoPlan":      {[]plan.Job{late, job("b", "m")}, "m: no such element"},
	} {
		t.Run(name, func(t *testing.T) {
			db := ready(t)
			r := create(t, db, test.nodes...)
			if name == "NoPlan" {
				if err := db.FailNode(t.Context(), server.JobRef{Run: r.ID, Job: "m"}, "no such element"); err != nil {
					t.Fatal(err)
				}
				r = read(t, db, r.ID)
			}
			if r.State != plan.Done || r.Cause != test.want {
				t.Errorf("the run is %s: %q, want %q", r.State, r.Cause, test.want)
			}
		})
	}
}

func TestPlansThatCouldNeverEnd(t *testing.T) {
	db := ready(t)
	for name, jobs := range map[string][]plan.Job{
		"Twice": {job("a"), job("a")}, "Nobody": {job("a", "b")}, "Cycle": {job("a", "b"), job("b", "a")}, "NoMatrix": matrix("test", 2)[1:],
	} {
		t.Run(name, func(t *testing.T) {
			_, err := db.CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: "app"}, Plan: &plan.Plan{Version: 1, Pipeline: "ci", Jobs: jobs}})
			wantKind(t, err, server.Invalid)
		})
	}
}

func TestReadNode(t *testing.T) {
	db := ready(t)
	nodes := matrix("test", 1, "build")
	nodes[0].Optional, nodes[0].RunOn, nodes[0].Environment = []string{"build"}, plan.OnAlways, "prod"
	nodes[1].Labels, nodes[1].OS, nodes[1].Arch = []string{"gpu=1"}, "linux", "arm64"
	nodes[1].Activities[0].Uses = "lib.acme.go_test"
	r := create(t, db, append(nodes, job("build"))...)
	m, i := node(t, r, "test"), node(t, r, "test.1")
	if diff := cmp.Diff([]any{plan.KindMatrix, []string{"build"}, []string{"build"}, plan.OnAlways, "prod"}, []any{m.Kind, m.Needs, m.Optional, m.RunOn, m.Environment}); diff != "" {
		t.Error(diff)
	}
	if i.Title() != "test (v 1)" || i.Of != "test" || i.Labels[0] != "gpu=1" || i.Activities[0].Uses != "lib.acme.go_test" {
		t.Errorf("instance is %+v", i)
	}
	finish(t, db, start(t, db, r.ID, "build"), plan.Failed, "exit code 1")
	queue, err := db.QueuedJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(queue) != 1 || queue[0].Job != "test.1" || queue[0].OS != "linux" || queue[0].Arch != "arm64" || queue[0].Labels[0] != "gpu=1" {
		t.Errorf("queue is %+v", queue)
	}
}
