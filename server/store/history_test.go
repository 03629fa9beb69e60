package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// TestAnyHistory does at random, and often wrongly, what agents and people may do, and checks after each step that what is
// done stays as it is, that epochs only count up, and that the history tells exactly what is stored.
func TestAnyHistory(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("Seed%d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			db := ready(t)
			r := create(t, db, randomJobs(random)...)
			rung := 0
			db.OnChange = func(run server.RunID) {
				if run != r.ID {
					t.Errorf("OnChange(%d)", run)
				}
				rung++
			}
			before := facts(read(t, db, r.ID))
			for step := range 100 {
				what, err := randomStep(t, random, db, read(t, db, r.ID))
				if err != nil && server.KindOf(err) != server.Conflict {
					t.Fatalf("step %d, %s: %v", step, what, err)
				}
				after := facts(read(t, db, r.ID))
				compare(t, fmt.Sprintf("step %d, %s (error %v)", step, what, err), before, after)
				before = after
			}
			checkHistory(t, changes(t.Context(), t, db, r.ID), before)
			if rung == 0 {
				t.Error("OnChange was never called")
			}
		})
	}
}

func randomJobs(random *rand.Rand) []plan.Job {
	var jobs []plan.Job
	for i := range 2 + random.IntN(6) {
		var needs []string
		for k := range i {
			if random.IntN(3) == 0 {
				needs = append(needs, fmt.Sprintf("j%d", k))
			}
		}
		jobs = append(jobs, job(fmt.Sprintf("j%d", i), needs...))
	}
	random.Shuffle(len(jobs), func(i, k int) { jobs[i], jobs[k] = jobs[k], jobs[i] })
	return jobs
}

func randomStep(t *testing.T, random *rand.Rand, db *store.DB, r server.Run) (string, error) {
	j := r.Jobs[random.IntN(len(r.Jobs))]
	c := server.Claim{Run: r.ID, Job: j.Name, Epoch: j.Epoch - int64(random.IntN(5)/4)} // one in five is late
	ctx := t.Context()
	switch n := random.IntN(100); {
	case n < 35:
		_, err := db.Offer(ctx, r.ID, j.Name, "a1")
		return "offer " + j.Name, err
	case n < 60:
		return "accept " + j.Name, db.Accept(ctx, c, 0)
	case n < 68:
		return "return " + j.Name, db.Return(ctx, c, "declined")
	case n < 78:
		return "report " + j.Name, db.Report(ctx, "a1", server.JobReport{
			Claim: c, Revision: random.Int64N(100), Activities: []server.ActivityReport{{Name: "do", State: plan.Running}},
		})
	case n < 96:
		result := []plan.Result{plan.Passed, plan.Passed, plan.Warned, plan.Failed, plan.Canceled}[random.IntN(5)]
		return fmt.Sprintf("end %s %s", j.Name, result), db.Report(ctx, "a1", end(c, 100+random.Int64N(3), result, "because"))
	case n < 99:
		return "lose " + j.Name, db.Lose(ctx, c, "agent was lost")
	}
	return "cancel", db.Cancel(ctx, r.ID, "canceled")
}

// A fact is the state of a run, a job or an activity.
type fact struct {
	state  plan.State
	result plan.Result
	cause  string
	epoch  int64
}

func facts(r server.Run) map[string]fact {
	all := map[string]fact{"run": {r.State, r.Result, r.Cause, 0}}
	for _, j := range r.Jobs {
		all["job "+j.Name] = fact{j.State, j.Result, j.Cause, j.Epoch}
		for _, a := range j.Activities {
			all["activity "+j.Name+"/"+a.Name] = fact{a.State, a.Result, a.Cause, 0}
		}
	}
	return all
}

func compare(t *testing.T, step string, before, after map[string]fact) {
	t.Helper()
	for name, was := range before {
		is := after[name]
		if was.state == plan.Done && is != was {
			t.Errorf("%s: %s was %+v and is %+v", step, name, was, is)
		}
		if is.epoch < was.epoch {
			t.Errorf("%s: %s went from epoch %d to %d", step, name, was.epoch, is.epoch)
		}
		if (is.state == plan.Done) != (is.result != "") {
			t.Errorf("%s: %s is %+v", step, name, is)
		}
	}
	if after["run"].state == plan.Done {
		for name, is := range after {
			if is.state != plan.Done {
				t.Errorf("%s: the run is done, but %s is %+v", step, name, is)
			}
		}
	}
}

func checkHistory(t *testing.T, history []server.Change, now map[string]fact) {
	t.Helper()
	told := make(map[string]server.Change)
	var last int64
	for _, c := range history {
		if c.Seq <= last {
			t.Errorf("number %d comes after %d", c.Seq, last)
		}
		last = c.Seq
		name := c.Kind
		if c.Job != "" {
			name += " " + c.Job
		}
		if c.Activity != "" {
			name += "/" + c.Activity
		}
		if was := told[name]; was.State == plan.Done {
			t.Errorf("%s was told to be done, and then %+v", name, c)
		}
		told[name] = c
	}
	for name, is := range now {
		c, ok := told[name]
		if !ok {
			c.State = plan.Waiting // nothing said of an activity
		}
		if c.State != is.state || c.Result != is.result || is.state == plan.Done && c.Cause != is.cause {
			t.Errorf("%s was told to be %+v and is %+v", name, c, is)
		}
	}
}

func TestChangesPages(t *testing.T) {
	db := ready(t)
	r := create(t, db, job("a"), job("b"), job("c"))
	create(t, db, job("a"))
	all, err := db.Changes(t.Context(), r.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	two, err := db.Changes(t.Context(), r.ID, all[0].Seq, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 || len(two) != 2 || two[0] != all[1] || two[1] != all[2] {
		t.Errorf("all are %+v\na page is %+v", all, two)
	}
}

// TestOnChangeComesAfterCommit reads what changed from inside the call.
func TestOnChangeComesAfterCommit(t *testing.T) {
	db := ready(t)
	var seen []plan.State
	db.OnChange = func(run server.RunID) {
		r, err := db.Run(t.Context(), run)
		seen = append(seen, r.State)
		if err != nil {
			t.Error(err)
		}
	}
	finish(t, db, start(t, db, create(t, db, job("test")).ID, "test"), plan.Passed, "")
	want := []plan.State{plan.Queued, plan.Queued, plan.Running, plan.Done}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
	if _, err := db.Offer(t.Context(), 99, "x", "a1"); err == nil || errors.Is(err, server.ErrStale) || len(seen) != len(want) {
		t.Errorf("error is %v, and %d changes were told", err, len(seen))
	}
}
