package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

func group(name string, policy plan.Policy) *plan.Concurrency {
	return &plan.Concurrency{Group: name, Policy: policy}
}

// createIn makes a run that takes turns.
func createIn(t testing.TB, db *store.DB, project string, c *plan.Concurrency, jobs ...plan.Job) server.Run {
	t.Helper()
	r, err := db.CreateRun(t.Context(), server.NewRun{
		Run: server.Run{Project: project}, Plan: &plan.Plan{Version: plan.Version, Pipeline: "ci", Concurrency: c, Jobs: jobs},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// deploy is a job that takes turns.
func deploy(name, in string, policy plan.Policy, needs ...string) plan.Job {
	return with(job(name, needs...), func(j *plan.Job) { j.Concurrency = group(in, policy) })
}

func briefs(t *testing.T, db *store.DB, runs ...server.Run) (all []string) {
	t.Helper()
	for _, r := range runs {
		r = read(t, db, r.ID)
		all = append(all, strings.TrimSpace(brief(r.State, r.Result)+" "+r.Cause+r.WaitsFor))
	}
	return all
}

func wantBriefs(t *testing.T, db *store.DB, runs []server.Run, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, briefs(t, db, runs...)); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func TestRunsTakeTurns(t *testing.T) {
	t.Run("Queue", func(t *testing.T) {
		db := ready(t)
		var runs []server.Run
		for range 4 {
			runs = append(runs, createIn(t, db, "app", group("deploy", plan.PolicyQueue), job("test")))
		}
		wantBriefs(t, db, runs, "queued", "waiting run 1 (group deploy)", "waiting run 1 (group deploy); 1 run is before it", "waiting run 1 (group deploy); 2 runs are before it")
		if w := read(t, db, 2).Jobs[0].WaitsFor; w != "run 1 (group deploy)" {
			t.Errorf("its job waits for %q", w)
		}
		list, err := db.Runs(t.Context(), server.RunFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if list[2].WaitsFor != "run 1 (group deploy)" || list[2].Concurrency.Group != "deploy" {
			t.Errorf("in the list: %+v", list[2])
		}
		if err := db.Cancel(t.Context(), 2, "canceled by dana"); err != nil {
			t.Fatal(err)
		}
		wantBriefs(t, db, runs, "queued", "done canceled canceled by dana", "waiting run 1 (group deploy)", "waiting run 1 (group deploy); 1 run is before it")
		if order := play(t, db, nil); len(order) != 3 {
			t.Errorf("played %v", order)
		}
		wantBriefs(t, db, runs, "done passed", "done canceled canceled by dana", "done passed", "done passed")
		for _, r := range runs {
			checkHistory(t, changes(t.Context(), t, db, r.ID), facts(read(t, db, r.ID)))
		}
	})
	t.Run("GroupsAreOfProjects", func(t *testing.T) {
		db := ready(t)
		if err := db.CreateProject(t.Context(), server.Project{Name: "lib", URL: "/srv/lib.git"}); err != nil {
			t.Fatal(err)
		}
		var runs []server.Run
		for _, project := range []string{"app", "lib"} {
			for _, name := range []string{"a", "b"} {
				runs = append(runs, createIn(t, db, project, group(name, plan.PolicyQueue), job("test")))
			}
		}
		wantBriefs(t, db, runs, "queued", "queued", "queued", "queued")
	})
	t.Run("CancelWaiting", func(t *testing.T) {
		db := ready(t)
		var runs []server.Run
		for range 3 {
			runs = append(runs, createIn(t, db, "app", group("deploy", plan.PolicyCancelWaiting), job("test")))
		}
		wantBriefs(t, db, runs, "queued", "done canceled replaced by run 3 (group deploy)", "waiting run 1 (group deploy)")
		play(t, db, nil)
		wantBriefs(t, db, runs, "done passed", "done canceled replaced by run 3 (group deploy)", "done passed")
	})
	t.Run("CancelRunning", func(t *testing.T) {
		db := ready(t)
		c := group("pr-7", plan.PolicyCancelRunning)
		clean := with(job("clean", "test"), func(j *plan.Job) { j.RunOn = plan.OnAlways })
		first := createIn(t, db, "app", c, job("test"), clean)
		claim := start(t, db, first.ID, "test")
		runs := []server.Run{first, createIn(t, db, "app", c, job("test"), clean), createIn(t, db, "app", c, job("test"))}
		const why = "replaced by run 2 (group pr-7)"
		wantBriefs(t, db, runs, "running "+why, "done canceled replaced by run 3 (group pr-7)", "waiting run 1 (group pr-7)")
		held, err := db.HeldJobs(t.Context(), "a1")
		if err != nil {
			t.Fatal(err)
		}
		if len(held) != 1 || !held[0].Cancel || held[0].Hard || held[0].Reason != why { // the third did not make it worse
			t.Errorf("held jobs are %+v", held)
		}
		finish(t, db, claim, plan.Canceled, why)
		wantBriefs(t, db, runs[:1], "running "+why) // it cleans up
		wantBriefs(t, db, runs[2:], "waiting run 1 (group pr-7)")
		play(t, db, nil)
		wantBriefs(t, db, runs, "done canceled "+why, "done canceled replaced by run 3 (group pr-7)", "done passed")
	})
	t.Run("ReplacedAtOnce", func(t *testing.T) { // nothing ran, so nothing is to be waited for
		db := ready(t)
		c := group("pr-7", plan.PolicyCancelRunning)
		runs := []server.Run{createIn(t, db, "app", c, job("test")), createIn(t, db, "app", c, job("test"))}
		wantBriefs(t, db, runs, "done canceled replaced by run 2 (group pr-7)", "queued")
	})
}

func TestJobsTakeTurns(t *testing.T) {
	waits := func(t *testing.T, db *store.DB, run server.RunID, name string) string {
		t.Helper()
		j := node(t, read(t, db, run), name)
		return strings.TrimSpace(brief(j.State, j.Result) + " " + j.WaitsFor + j.Cause)
	}
	want := func(t *testing.T, db *store.DB, run server.RunID, name, want string) {
		t.Helper()
		if got := waits(t, db, run, name); got != want {
			t.Errorf("%s of run %d is %q, want %q", name, run, got, want)
		}
	}
	t.Run("ByTheNumbersOfRuns", func(t *testing.T) {
		db := ready(t)
		for range 3 {
			create(t, db, job("test"), deploy("deploy", "prod", plan.PolicyQueue, "test"))
		}
		for _, run := range []server.RunID{1, 3, 2} { // the tests of run 3 are faster than those of run 2
			finish(t, db, start(t, db, run, "test"), plan.Passed, "")
		}
		want(t, db, 1, "deploy", "queued")
		want(t, db, 2, "deploy", "waiting run 1 (group prod)")
		want(t, db, 3, "deploy", "waiting run 1 (group prod); 1 job is before it")
		if j := node(t, read(t, db, 2), "deploy"); j.QueuedAt != nil {
			t.Error("a job that waits for its turn counts as queued for an agent")
		}
		finish(t, db, start(t, db, 1, "deploy"), plan.Passed, "")
		want(t, db, 2, "deploy", "queued")
		want(t, db, 3, "deploy", "waiting run 2 (group prod)")
		if err := db.Cancel(t.Context(), 2, "canceled by dana"); err != nil {
			t.Fatal(err)
		}
		want(t, db, 3, "deploy", "queued")
	})
	t.Run("CancelRunning", func(t *testing.T) {
		db := ready(t)
		for range 3 {
			create(t, db, job("test"), deploy("deploy", "prod", plan.PolicyCancelRunning, "test"), job("after", "deploy"))
		}
		finish(t, db, start(t, db, 2, "test"), plan.Passed, "")
		c := start(t, db, 2, "deploy")
		finish(t, db, start(t, db, 1, "test"), plan.Passed, "")
		want(t, db, 1, "deploy", "done canceled replaced by run 2 (group prod)") // it would undo what run 2 does
		want(t, db, 1, "after", "done skipped needs deploy, which was canceled")
		wantBriefs(t, db, []server.Run{{ID: 1}}, "done canceled deploy: replaced by run 2 (group prod)")
		finish(t, db, start(t, db, 3, "test"), plan.Passed, "")
		want(t, db, 3, "deploy", "waiting run 2 (group prod)")
		held, err := db.HeldJobs(t.Context(), "a1")
		if err != nil {
			t.Fatal(err)
		}
		if len(held) != 1 || !held[0].Cancel || held[0].Hard || held[0].Reason != "replaced by run 3 (group prod)" {
			t.Errorf("held jobs are %+v", held)
		}
		finish(t, db, c, plan.Canceled, held[0].Reason)
		want(t, db, 3, "deploy", "queued")
	})
	t.Run("CancelWaiting", func(t *testing.T) {
		db := ready(t)
		for range 3 {
			create(t, db, deploy("deploy", "prod", plan.PolicyCancelWaiting), job("after", "deploy"))
		}
		want(t, db, 1, "deploy", "queued")
		want(t, db, 2, "deploy", "done canceled replaced by run 3 (group prod)")
		want(t, db, 3, "deploy", "waiting run 1 (group prod)")
		play(t, db, nil)
		want(t, db, 3, "after", "done passed do:")
	})
	t.Run("JobsOfOneRun", func(t *testing.T) {
		db := ready(t)
		nodes := matrix("deploy", 3)
		nodes[0].Concurrency = group("prod", plan.PolicyCancelRunning)
		r := create(t, db, append(nodes, deploy("other", "prod", plan.PolicyQueue))...)
		wantStates(t, r, "queued | deploy: queued | deploy.1: queued | deploy.2: waiting | deploy.3: waiting | other: waiting")
		want(t, db, r.ID, "deploy.3", "waiting job deploy.1 (group prod); 1 job is before it")
		if order := play(t, db, nil); fmt.Sprint(order) != "[deploy.1 deploy.2 deploy.3 other]" {
			t.Errorf("order is %v", order)
		}
		wantStates(t, read(t, db, r.ID), "done passed | deploy: done passed | deploy.1: done passed | deploy.2: done passed | deploy.3: done passed | other: done passed")
	})
}

// TestAnyTurns plays random runs that take turns, as wholes and by their jobs: no two of a group ever run side by side, each
// ends, and each that was canceled says why.
func TestAnyTurns(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("Seed%d", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 9))
			db := ready(t)
			policy := func() plan.Policy {
				return pick(random, plan.PolicyQueue, plan.PolicyQueue, plan.PolicyCancelRunning, plan.PolicyCancelWaiting)
			}
			var ids []server.RunID
			for n := 0; ; n++ {
				if len(ids) < 12 && random.IntN(6) == 0 {
					var c *plan.Concurrency
					if random.IntN(2) == 0 {
						c = group(pick(random, "g", "h"), policy())
					}
					jobs := []plan.Job{job("test"), deploy("deploy", pick(random, "g", "h"), policy(), "test"), deploy("again", "h", policy()),
						with(job("clean", "deploy"), func(j *plan.Job) { j.RunOn = pick(random, plan.OnAlways, plan.OnPassed) })}
					ids = append(ids, createIn(t, db, "app", c, jobs...).ID)
				}
				if !turnStep(t, random, db, ids) && len(ids) == 12 {
					break
				}
				checkTurns(t, db, ids)
			}
			for _, id := range ids {
				r := read(t, db, id)
				if r.State != plan.Done {
					t.Errorf("nothing is left to do, but run %d is %s", id, states(r))
				}
				for _, j := range r.Jobs {
					if j.Result == plan.Canceled && j.Cause == "" {
						t.Errorf("job %s of run %d was canceled, and nothing says why", j.Name, id)
					}
				}
				checkHistory(t, changes(t.Context(), t, db, id), facts(r))
			}
		})
	}
}

// turnStep starts or ends a random job, and answers whether there was one.
func turnStep(t *testing.T, random *rand.Rand, db *store.DB, ids []server.RunID) bool {
	t.Helper()
	queue, err := db.QueuedJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	held, err := db.AllHeldJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if random.IntN(40) == 0 && len(ids) > 0 {
		err := db.Cancel(t.Context(), ids[random.IntN(len(ids))], "canceled by dana")
		if err != nil && server.KindOf(err) != server.Conflict {
			t.Fatal(err)
		}
		return true
	}
	switch i := random.IntN(len(queue) + len(held) + 1); {
	case i < len(queue):
		start(t, db, queue[i].Run, queue[i].Job)
	case i < len(queue)+len(held):
		h := held[i-len(queue)]
		result := pick(random, plan.Passed, plan.Passed, plan.Failed)
		if h.Cancel {
			result = plan.Canceled
		}
		finish(t, db, h.Claim, result, "because")
	}
	return len(queue)+len(held) > 0
}

func checkTurns(t *testing.T, db *store.DB, ids []server.RunID) {
	t.Helper()
	runs, jobs := map[string]server.RunID{}, map[string]server.JobRef{}
	for _, id := range ids {
		r := read(t, db, id)
		if g := r.Concurrency; g != nil && (r.State == plan.Queued || r.State == plan.Running) {
			if other, busy := runs[g.Group]; busy {
				t.Fatalf("runs %d and %d of group %s are active", other, id, g.Group)
			}
			runs[g.Group] = id
		}
		for _, j := range r.Jobs {
			p, err := db.JobPlan(t.Context(), id, j.Name)
			if err != nil {
				t.Fatal(err)
			}
			if g := p.Concurrency; g != nil && (j.State == plan.Queued || j.State == plan.Running) {
				if other, busy := jobs[g.Group]; busy {
					t.Fatalf("jobs %v and %s of run %d of group %s are active", other, j.Name, id, g.Group)
				}
				jobs[g.Group] = server.JobRef{Run: id, Job: j.Name}
			}
		}
	}
}
