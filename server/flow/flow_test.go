package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/flow"
	"github.com/tutti-ci/tutti/server/store"
)

// A compiler answers as the test says, and keeps what it was asked.
type compiler struct {
	answer func(dsl.Request) (dsl.Response, error)

	mu    sync.Mutex // guards asked
	asked []dsl.Late
}

func (c *compiler) Compile(_ context.Context, req dsl.Request) (dsl.Response, error) {
	c.mu.Lock()
	c.asked = append(c.asked, *req.Late)
	c.mu.Unlock()
	return c.answer(req)
}

// A world is a flow that runs over a real database.
type world struct {
	*store.DB
	flow     *flow.Flow
	compiler *compiler

	mu   sync.Mutex // guards time
	time time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	w.time = w.time.Add(d)
	w.mu.Unlock()
	w.flow.Poke()
}

func newWorld(t *testing.T, answer func(dsl.Request) (dsl.Response, error)) *world {
	t.Helper()
	w := &world{compiler: &compiler{answer: answer}, time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var err error
	if w.DB, err = store.Open(context.WithoutCancel(t.Context()), filepath.Join(t.TempDir(), "tutti.db"), w.now); err != nil {
		t.Fatal(err)
	}
	w.flow = &flow.Flow{Store: w.DB, Compiler: w.compiler, Now: w.now, Log: slog.New(slog.DiscardHandler)}
	w.OnChange = func(server.RunID) { w.flow.Poke() }
	if err := w.CreateProject(t.Context(), server.Project{Name: "app", URL: "/srv/app.git"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.UpsertAgent(t.Context(), server.Agent{ID: "a1", Name: "host", Capacity: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// run lets the flow run until the test ends.
func (w *world) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.flow.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (w *world) create(t *testing.T, jobs ...plan.Job) server.RunID {
	t.Helper()
	source, err := json.Marshal(dsl.Request{Event: dsl.Event{Kind: dsl.KindPush, Commit: "c0ffee"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.CreateRun(t.Context(), server.NewRun{
		Run: server.Run{Project: "app"}, Plan: &plan.Plan{Version: plan.Version, Pipeline: "ci", Jobs: jobs}, Source: source,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

func (w *world) start(t *testing.T, run server.RunID, job string) server.Claim {
	t.Helper()
	epoch, err := w.Offer(t.Context(), run, job, "a1")
	if err != nil {
		t.Fatal(err)
	}
	c := server.Claim{Run: run, Job: job, Epoch: epoch}
	if err := w.Accept(t.Context(), c, 0); err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) report(t *testing.T, c server.Claim, result plan.Result, activities ...server.ActivityReport) {
	t.Helper()
	err := w.Report(t.Context(), "a1", server.JobReport{Claim: c, Revision: w.now().UnixNano(), Result: result, Activities: activities})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Microsecond) // the next revision
}

// job waits until a job is as it should be.
func (w *world) job(t *testing.T, run server.RunID, name string, ok func(server.Job) bool) server.Job {
	t.Helper()
	heard := time.NewTicker(2 * time.Millisecond)
	defer heard.Stop()
	var last server.Job
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-heard.C {
		r, err := w.Run(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range r.Jobs {
			if j.Name == name {
				last = j
				if ok(j) {
					return j
				}
			}
		}
	}
	t.Fatalf("job %q of run %d never came so far: %+v", name, run, last)
	return last
}

func isDone(j server.Job) bool   { return j.State == plan.Done }
func isQueued(j server.Job) bool { return j.State == plan.Queued }

func step(name string) plan.Activity { return plan.Activity{Name: name, Image: "alpine"} }

func raw(name, value string) map[string]json.RawMessage {
	return map[string]json.RawMessage{name: json.RawMessage(value)}
}

var text = plan.Type{Kind: plan.TypeString}

// TestFlow follows values from an activity's output over the job's output to the matrix of the next job, and to the next after it.
func TestFlow(t *testing.T) {
	w := newWorld(t, func(req dsl.Request) (dsl.Response, error) {
		if req.Event.Commit != "c0ffee" || req.Pipeline != "ci" {
			return dsl.Response{Problems: []plan.Problem{{Severity: plan.Error, Title: "Not what was stored"}}}, nil
		}
		switch {
		case req.Late.Instance != nil: // {"x": the same as its activity's}
			return dsl.Response{Outputs: req.Late.Instance.Activities["do"].Outputs}, nil
		case req.Late.Job == "test":
			var jobs []plan.Job
			for _, name := range []string{"test.1", "test.2"} {
				jobs = append(jobs, plan.Job{
					Name: name, Of: "test", Matrix: []plan.Value{{Name: "v", Value: req.Late.Jobs["build"].Outputs["x"]}},
					Activities: []plan.Activity{step("do")}, Outputs: []plan.Output{{Name: "x", Type: text}},
				})
			}
			jobs[1].Activities[0].Outputs = []plan.Output{{Name: "x", Type: text, Sensitive: true}}
			jobs[1].Outputs[0].Sensitive = true
			return dsl.Response{Jobs: append([]plan.Job{{Name: "test", Kind: plan.KindMatrix}}, jobs...)}, nil
		}
		return dsl.Response{Jobs: []plan.Job{{Name: "last", Skip: "when is false"}}}, nil
	})
	w.run(t)
	output := []plan.Output{{Name: "x", Type: text}}
	build := plan.Job{Name: "build", Activities: []plan.Activity{step("do")}, Outputs: output}
	build.Activities[0].Outputs = output
	did := func(outputs map[string]json.RawMessage) server.ActivityReport {
		return server.ActivityReport{Name: "do", State: plan.Done, Result: plan.Passed, Outputs: outputs}
	}
	run := w.create(t, build, plan.Job{Name: "ok", Kind: plan.KindApproval, Approval: &plan.Approval{}},
		plan.Job{Name: "test", Kind: plan.KindMatrix, Deferred: true, Needs: []string{"build"}},
		plan.Job{Name: "last", Deferred: true, Needs: []string{"test", "ok"}, RunOn: plan.OnAlways})
	if err := w.Decide(t.Context(), run, "ok", server.Decision{Approve: true, By: "dana"}); err != nil {
		t.Fatal(err)
	}
	at := w.now().Format(time.RFC3339)
	w.report(t, w.start(t, run, "build"), plan.Passed, did(raw("x", `"17"`)))
	w.job(t, run, "test.2", isQueued)
	w.report(t, w.start(t, run, "test.1"), plan.Failed)
	w.report(t, w.start(t, run, "test.2"), plan.Passed, did(raw("x", `"hush"`)))
	if j := w.job(t, run, "last", isDone); j.Cause != "when is false" {
		t.Errorf("last is %+v", j)
	}
	v := []plan.Value{{Name: "v", Value: json.RawMessage(`"17"`)}}
	want := dsl.Late{
		Job: "last", Approvals: map[string]dsl.ApprovalEnd{"ok": {By: "dana", At: at}},
		Jobs: map[string]dsl.JobEnd{"test": {Result: plan.Failed, Each: []dsl.InstanceEnd{
			{Matrix: v, Result: plan.Failed}, {Matrix: v, Result: plan.Passed, Outputs: raw("x", `"hush"`)},
		}}},
	}
	if diff := cmp.Diff(want, w.compiler.asked[len(w.compiler.asked)-1]); diff != "" {
		t.Errorf("the last question (-want +got):\n%s", diff)
	}
}

func TestProblemsFailTheJob(t *testing.T) {
	mistake := []plan.Problem{
		{Severity: plan.Warning, Title: "Odd"},
		{Severity: plan.Error, Title: "Index", Detail: "The list has no element 3.", File: ".tutti/ci.hcl", Start: plan.Position{Line: 7, Column: 2}},
	}
	for name, test := range map[string]struct {
		answer dsl.Response
		cause  string
	}{
		"Mistake":    {dsl.Response{Problems: mistake}, "The list has no element 3 (.tutti/ci.hcl:7)"},
		"Nothing":    {dsl.Response{}, "the compiler has no plan for it, though all that it needs is known"},
		"StillLater": {dsl.Response{Jobs: []plan.Job{{Name: "late", Deferred: true}}}, "the compiler has no plan for it, though all that it needs is known"},
		"Other":      {dsl.Response{Jobs: []plan.Job{{Name: "late"}, {Name: "other"}}}, `planning job "late" of run 1: "other" is no instance of it`},
		"Wants":      {dsl.Response{Wants: &dsl.Wants{Tree: true}}, "the compiler asks for files of the commit that it did not ask for when the run was planned"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(dsl.Request) (dsl.Response, error) { return test.answer, nil })
			w.run(t)
			run := w.create(t, plan.Job{Name: "first"}, plan.Job{Name: "late", Deferred: true, Needs: []string{"first"}})
			w.report(t, w.start(t, run, "first"), plan.Passed)
			if j := w.job(t, run, "late", isDone); j.Result != plan.Failed || j.Cause != test.cause {
				t.Errorf("job is %s because %q", j.Result, j.Cause)
			}
		})
	}
}

// TestCompilerAway lets the compiler fail for reasons of its own: nothing fails, and a flow that starts later goes on.
func TestCompilerAway(t *testing.T) {
	var failures sync.WaitGroup
	failures.Add(3)
	away := 3
	w := newWorld(t, func(req dsl.Request) (dsl.Response, error) {
		if away > 0 {
			away--
			failures.Done()
			return dsl.Response{}, errors.New("no such process")
		}
		return dsl.Response{Jobs: []plan.Job{{Name: req.Late.Job}}}, nil
	})
	run := w.create(t, plan.Job{Name: "first"}, plan.Job{Name: "late", Deferred: true, Needs: []string{"first"}})
	w.report(t, w.start(t, run, "first"), plan.Passed) // before there is a flow, as after a crash
	w.run(t)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	all := make(chan struct{})
	go func() { failures.Wait(); close(all) }()
	for waiting := true; waiting; {
		select {
		case <-all:
			waiting = false
		case <-tick.C:
			w.pass(100 * time.Millisecond)
		}
	}
	if j := w.job(t, run, "late", func(j server.Job) bool { w.pass(time.Second); return j.State != plan.Waiting }); j.State != plan.Queued {
		t.Errorf("job is %+v", j)
	}
}

func TestApprovalsExpire(t *testing.T) {
	w := newWorld(t, nil)
	run := w.create(t, plan.Job{Name: "ok", Kind: plan.KindApproval, Approval: &plan.Approval{Timeout: plan.Duration(time.Hour)}})
	w.run(t)
	w.pass(time.Hour)
	if j := w.job(t, run, "ok", isDone); j.Cause != "nobody approved within 1h" {
		t.Errorf("cause is %q", j.Cause)
	}
}

func TestResolve(t *testing.T) {
	answer := dsl.Response{}
	var away error
	w := newWorld(t, func(dsl.Request) (dsl.Response, error) { return answer, away })
	for _, s := range []server.Setting{
		{Project: "app", Name: "token", Value: "for-all"}, {Project: "app", Environment: "prod", Name: "token", Value: "for-prod"},
		{Project: "app", Name: "other", Value: "for-others"},
	} {
		if err := w.SetSecret(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	first := step("first")
	first.Outputs = []plan.Output{{Name: "x", Type: text, Sensitive: true}}
	late := step("late")
	late.Late, late.Secrets = true, []string{"token"}
	run := w.create(t, plan.Job{Name: "deploy", Environment: "prod", Activities: []plan.Activity{first, late}, Secrets: []string{"token", "other"}})
	c := w.start(t, run, "deploy")
	w.report(t, c, "", server.ActivityReport{Name: "first", State: plan.Done, Result: plan.Passed, Outputs: raw("x", `"17"`)})

	finished := step("late")
	finished.Env = map[string]string{"TOKEN": "for-prod", "X": "17"}
	answer = dsl.Response{Activity: &finished, Masks: []string{"for-prod"}}
	got, err := w.flow.Resolve(t.Context(), c, "late")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(server.Answer{Activity: finished, Masks: []string{"for-prod"}}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	want := dsl.Late{
		Job: "deploy", Jobs: map[string]dsl.JobEnd{}, Approvals: map[string]dsl.ApprovalEnd{},
		Instance: &dsl.Instance{
			Activity: "late", Secrets: map[string]string{"token": "for-prod"},
			Activities: map[string]dsl.ActivityEnd{"first": {Result: plan.Passed, Outputs: raw("x", `"17"`)}},
		},
	}
	if diff := cmp.Diff(want, w.compiler.asked[0]); diff != "" {
		t.Errorf("question (-want +got):\n%s", diff)
	}
	if got, err := w.flow.Resolve(t.Context(), c, "first"); err != nil || got.Activity.Name != "first" || len(w.compiler.asked) != 1 {
		t.Errorf("of one that is not late: %+v, error %v", got, err)
	}

	answer = dsl.Response{Problems: []plan.Problem{{Severity: plan.Error, Title: "Division by zero"}}}
	if got, err := w.flow.Resolve(t.Context(), c, "late"); err != nil || got.Problem != "Division by zero" || got.Activity.Name != "" {
		t.Errorf("with a mistake: %+v, error %v", got, err)
	}
	answer = dsl.Response{}
	if got, err := w.flow.Resolve(t.Context(), c, "late"); err != nil || got.Problem == "" {
		t.Errorf("without an answer: %+v, error %v", got, err)
	}
	away = errors.New("no such process")
	if _, err := w.flow.Resolve(t.Context(), c, "late"); server.KindOf(err) != server.Unavailable {
		t.Errorf("without a compiler: error %v", err)
	}
	if _, err := w.flow.Resolve(t.Context(), c, "nobody"); server.KindOf(err) != server.NotFound {
		t.Errorf("of nobody: error %v", err)
	}
	for _, old := range []server.Claim{{Run: run, Job: "deploy", Epoch: c.Epoch - 1}} {
		if _, err := w.flow.Resolve(t.Context(), old, "late"); !errors.Is(err, server.ErrStale) {
			t.Errorf("of an epoch that is over: error %v", err)
		}
	}
	w.report(t, c, plan.Passed)
	if _, err := w.flow.Resolve(t.Context(), c, "late"); !errors.Is(err, server.ErrStale) {
		t.Errorf("of a job that is done: error %v", err)
	}
}
