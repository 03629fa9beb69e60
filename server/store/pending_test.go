package store_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func deferred(name string, needs ...string) plan.Job {
	return plan.Job{Name: name, Needs: needs, Deferred: true}
}

func TestExpand(t *testing.T) {
	for name, test := range map[string]struct {
		answer []plan.Job
		states string
	}{
		"Job":    {[]plan.Job{job("late")}, "done passed | test: done passed | late: done passed | after: done passed"},
		"Skip":   {[]plan.Job{{Name: "late", Skip: "when is false"}}, "done passed | test: done passed | late: done skipped | after: done skipped"},
		"Matrix": {matrix("late", 2), "done passed | test: done passed | late: done passed | late.1: done passed | late.2: done passed | after: done passed"},
		"Empty":  {matrix("late", 0), "done passed | test: done passed | late: done skipped | after: done skipped"},
		"Fails":  {nil, "done failed | test: done passed | late: done failed | after: done skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			db := ready(t)
			late := deferred("late", "test")
			if len(test.answer) > 0 {
				late.Kind = test.answer[0].Kind
			}
			r := create(t, db, job("test"), late, job("after", "late"))
			ref := server.JobRef{Run: r.ID, Job: "late"}
			wantKind(t, db.Expand(t.Context(), ref, []plan.Job{job("late")}), server.Conflict)
			finish(t, db, start(t, db, r.ID, "test"), plan.Passed, "")
			if w := node(t, read(t, db, r.ID), "late").WaitsFor; w != "its plan, now that what it needs has ended" {
				t.Errorf("it waits for %q", w)
			}
			pending, err := db.Pending(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]server.Pending{{JobRef: ref}}, pending); diff != "" {
				t.Errorf("pending (-want +got):\n%s", diff)
			}
			answer := func() error { return db.Expand(t.Context(), ref, test.answer) }
			if test.answer == nil {
				answer = func() error { return db.FailNode(t.Context(), ref, "no such element") }
			}
			if err := answer(); err != nil {
				t.Fatal(err)
			}
			wantKind(t, answer(), server.Conflict)
			play(t, db, nil)
			r = read(t, db, r.ID)
			wantStates(t, r, test.states)
			if j := node(t, r, "late"); strings.Join(j.Needs, " ") != "test" || test.answer != nil && j.Deferred {
				t.Errorf("job is %+v", j)
			}
			checkHistory(t, changes(t.Context(), t, db, r.ID), facts(r))
		})
	}
	t.Run("KeepsItsEdges", func(t *testing.T) {
		db := ready(t)
		late := with(deferred("late", "test"), func(j *plan.Job) { j.Kind, j.RunOn = plan.KindMatrix, plan.OnAlways })
		r := create(t, db, job("test"), late)
		finish(t, db, start(t, db, r.ID, "test"), plan.Failed, "exit code 1")
		if err := db.Cancel(t.Context(), r.ID, "canceled by dana"); err != nil {
			t.Fatal(err)
		}
		if err := db.Expand(t.Context(), server.JobRef{Run: r.ID, Job: "late"}, matrix("late", 1)); err != nil { // it runs after a cancellation
			t.Fatal(err)
		}
		wantStates(t, read(t, db, r.ID), "running | test: done failed | late: queued | late.1: queued")
	})
	t.Run("ErrTooMany", func(t *testing.T) {
		db := ready(t)
		late := with(deferred("late"), func(j *plan.Job) { j.Kind = plan.KindMatrix })
		r := create(t, db, append([]plan.Job{late}, matrix("early", server.MaxInstances-256)...)...)
		ref := server.JobRef{Run: r.ID, Job: "late"}
		err := db.Expand(t.Context(), ref, matrix("late", 257))
		wantKind(t, err, server.Invalid)
		if err.Error() != `with the instances of "late", the run has 5001 jobs; at most 5000 are allowed` {
			t.Errorf("error is %q", err)
		}
		if err := db.Expand(t.Context(), ref, matrix("late", 256)); err != nil {
			t.Error(err)
		}
	})
	t.Run("ErrOtherNodes", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("test"), deferred("late", "test"))
		finish(t, db, start(t, db, r.ID, "test"), plan.Passed, "")
		for _, answer := range [][]plan.Job{nil, {job("other")}, {deferred("late")}, {job("late"), job("x")}, append(matrix("late", 1), job("x"))} {
			wantKind(t, db.Expand(t.Context(), server.JobRef{Run: r.ID, Job: "late"}, answer), server.Invalid)
		}
	})
}

func raw(pairs ...string) map[string]json.RawMessage {
	m := make(map[string]json.RawMessage)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return m
}

// producer is a job with outputs, one of them sensitive; so is its activity.
func producer() plan.Job {
	text := plan.Type{Kind: plan.TypeString}
	outputs := []plan.Output{{Name: "image", Type: text}, {Name: "token", Type: text, Sensitive: true}}
	return with(job("build"), func(j *plan.Job) { j.Outputs, j.Activities[0].Outputs = outputs, outputs })
}

func TestOutputs(t *testing.T) {
	db := ready(t)
	r := create(t, db, producer(), job("deploy", "build"))
	c := start(t, db, r.ID, "build")
	report := end(c, 1, plan.Passed, "")
	report.Activities[0].Outputs = raw("image", `"app:1"`, "token", `"hunter2"`)
	report.Activities[0].Tries = []server.Try{{Cause: "exit code 1", LogEnd: 7}}
	for range 2 { // the second one is repeated
		if err := db.Report(t.Context(), "a1", report); err != nil {
			t.Fatal(err)
		}
	}
	r = read(t, db, r.ID)
	wantStates(t, r, "running | build: running | deploy: waiting")
	if held, err := db.HeldJobs(t.Context(), "a1"); err != nil || len(held) > 0 {
		t.Errorf("held jobs are %+v, error %v", held, err)
	}
	a := r.Jobs[0].Activities[0]
	if diff := cmp.Diff(raw("image", `"app:1"`), a.Outputs); diff != "" {
		t.Errorf("outputs of activity (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(report.Activities[0].Tries, a.Tries); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
	k, err := db.Known(t.Context(), c.Ref())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(raw("image", `"app:1"`, "token", `"hunter2"`), k.Job.Activities[0].Outputs); diff != "" || k.Result != plan.Passed || k.Project != "app" || k.Pipeline != "ci" {
		t.Errorf("known is %+v:\n%s", k, diff)
	}
	if err := db.Conclude(t.Context(), c.Ref(), raw("image", `"app:1"`, "token", `"hunter2"`), ""); err != nil {
		t.Fatal(err)
	}
	wantKind(t, db.Conclude(t.Context(), c.Ref(), nil, ""), server.Conflict)
	r = read(t, db, r.ID)
	wantStates(t, r, "running | build: done passed | deploy: queued")
	if diff := cmp.Diff(raw("image", `"app:1"`), r.Jobs[0].Outputs); diff != "" {
		t.Errorf("outputs of job (-want +got):\n%s", diff)
	}
	if k, err = db.Known(t.Context(), server.JobRef{Run: r.ID, Job: "deploy"}); err != nil || string(k.Needs[0].Outputs["token"]) != `"hunter2"` {
		t.Errorf("known is %+v, error %v", k, err)
	}
	play(t, db, nil)
	if k, err = db.Known(t.Context(), server.JobRef{Run: r.ID, Job: "deploy"}); err != nil || len(k.Needs[0].Outputs) != 1 {
		t.Errorf("after the run: known is %+v, error %v", k, err)
	}
}

func TestConclude(t *testing.T) {
	for name, test := range map[string]struct {
		ended   plan.Result
		outputs map[string]json.RawMessage
		problem string
		states  string
		cause   string
	}{
		"Passed":           {plan.Passed, raw("image", `"1"`), "", "done passed | build: done passed", "do: because"},
		"Problem":          {plan.Passed, nil, "output image: index out of range", "done failed | build: done failed", "output image: index out of range"},
		"WarnedProblem":    {plan.Warned, nil, "index out of range", "done failed | build: done failed", "index out of range"},
		"FailedProblem":    {plan.Failed, nil, "index out of range", "done failed | build: done failed", "do: because"},
		"LostWithOutputs":  {plan.Lost, raw("image", `"1"`), "", "done lost | build: done lost", "do: because"},
		"Undeclared":       {plan.Passed, raw("other", `"1"`), "", "done failed | build: done failed", `output "other" is not declared`},
		"TooLarge":         {plan.Passed, raw("image", `"`+strings.Repeat("x", server.MaxOutputs)+`"`), "", "done failed | build: done failed", "the outputs have 131074 bytes together; at most 131072 are allowed"},
		"FailedAndTooMany": {plan.Failed, raw("other", `"1"`), "", "done failed | build: done failed", "do: because"},
	} {
		t.Run(name, func(t *testing.T) {
			db := ready(t)
			c := start(t, db, create(t, db, producer()).ID, "build")
			finish(t, db, c, test.ended, "because")
			if err := db.Conclude(t.Context(), c.Ref(), test.outputs, test.problem); err != nil {
				t.Fatal(err)
			}
			r := read(t, db, c.Run)
			wantStates(t, r, test.states)
			if r.Jobs[0].Cause != test.cause {
				t.Errorf("cause is %q", r.Jobs[0].Cause)
			}
		})
	}
	t.Run("CanceledTwice", func(t *testing.T) {
		db := ready(t)
		c := start(t, db, create(t, db, producer()).ID, "build")
		finish(t, db, c, plan.Passed, "")
		for _, want := range []string{"running | build: running", "done canceled | build: done canceled"} {
			if err := db.Cancel(t.Context(), c.Run, "canceled by dana"); err != nil {
				t.Fatal(err)
			}
			wantStates(t, read(t, db, c.Run), want)
		}
	})
	t.Run("ErrOutputsOfActivity", func(t *testing.T) {
		db := ready(t)
		c := start(t, db, create(t, db, producer()).ID, "build")
		for _, outputs := range []map[string]json.RawMessage{raw("other", `1`), raw("image", `{`), raw("image", `"`+strings.Repeat("x", server.MaxOutputs)+`"`)} {
			report := end(c, 1, plan.Passed, "")
			report.Activities[0].Outputs = outputs
			wantKind(t, db.Report(t.Context(), "a1", report), server.Invalid)
		}
	})
}
