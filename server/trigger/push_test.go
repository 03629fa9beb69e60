package trigger_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

func TestPush(t *testing.T) {
	s := registered(t)
	want(t, s.push())
	commit := s.commit(".tutti/ci.hcl", pipeline("ci", onPush))
	want(t, s.push(), "ci: queued")
	want(t, s.push()) // nothing new
	r, err := s.db.Run(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	event := server.Event{Kind: "push", Ref: "refs/heads/main", Branch: "main", Commit: commit, Title: "Change .tutti/ci.hcl", Actor: "Dana"}
	if diff := cmp.Diff(event, r.Event); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if len(r.Jobs) != 2 || r.Jobs[0].State != plan.Queued || r.Jobs[1].State != plan.Waiting {
		t.Errorf("jobs are %+v", r.Jobs)
	}
	s.git("tag", "v1")
	s.git("branch", "--", "dev")
	want(t, s.push(), "ci: queued", "ci: queued")
	s.git("branch", "--delete", "--force", "dev")
	want(t, s.push())
	s.git("branch", "--", "dev") // again: it is new
	want(t, s.push(), "ci: queued")
	s.git("commit", "--quiet", "--amend", "--allow-empty", "--message", "forced")
	want(t, s.push(), "ci: queued")
	s.git("reset", "--quiet", "--hard", commit)
	want(t, s.push(), "ci: queued")
}

func TestPushOfEachKind(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		want       []string
	}{
		"NoFolder":  {"README", "", []string{": done skipped, no pipeline here: the commit has no .tutti folder"}},
		"NoFile":    {".tutti/README", "", []string{": done skipped, no pipeline here: the .tutti folder of the commit has no .hcl file"}},
		"Mistakes":  {".tutti/ci.hcl", "pipelin \"ci\" {}", []string{": done failed, the pipeline has mistakes"}},
		"NoTrigger": {".tutti/ci.hcl", pipeline("ci", onManual), nil},
		"OtherBranch": {
			".tutti/ci.hcl", pipeline("ci", `on "push" { branches = ["release/*"] }`), nil,
		},
		"Several": {
			".tutti/ci.hcl", pipeline("ci", onPush) + pipeline("nightly", onManual) + pipeline("docs", onPush),
			[]string{"ci: queued", "docs: queued"},
		},
		"MistakeForThisEvent": {
			".tutti/ci.hcl", pipeline("docs", onPush) + strings.Replace(pipeline("ci", onPush), "image =", "env = { N = tonumber(coalesce(event.branch, \"7\")) }\nimage =", 1),
			[]string{"docs: queued", "ci: done failed, the pipeline has mistakes"},
		},
		"TooLarge": {".tutti/ci.hcl", strings.Repeat("#\n", 200<<10), []string{": done failed, the pipeline has mistakes"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := registered(t)
			s.commit(test.file, test.text)
			want(t, s.push(), test.want...)
			want(t, s.push()) // it has been dealt with
			runs, err := s.db.Runs(t.Context(), server.RunFilter{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range runs {
				if r.Result == plan.Failed && len(r.Problems) == 0 {
					t.Errorf("run failed without a problem: %+v", r)
				}
			}
		})
	}
}

func TestPushLink(t *testing.T) {
	s := registered(t)
	if err := os.Mkdir(filepath.Join(s.dir, ".tutti"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(s.dir, ".tutti", "ci.hcl")); err != nil {
		t.Fatal(err)
	}
	s.commit("", "")
	want(t, s.push(), ": done failed, the pipeline has mistakes")
	r, err := s.db.Run(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Detail, "symbolic link") {
		t.Errorf("problems are %+v", r.Problems)
	}
}

// TestPushTellsTheCompiler looks at what only an expression sees.
func TestPushTellsTheCompiler(t *testing.T) {
	s := registered(t)
	var last dsl.Event
	s.compiler.during = func(req dsl.Request) { last = req.Event }
	s.commit("a", "1")
	s.git("tag", "v1")
	s.push()
	s.commit("a", "2")
	s.commit(".tutti/ci.hcl", pipeline("ci", onPush))
	s.push()
	if diff := cmp.Diff([]string{".tutti/ci.hcl", "a"}, last.Changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if last.Repo.DefaultBranch != "main" || last.Repo.Name != "app" || last.Message != "Change .tutti/ci.hcl\n" || last.Run.ID != 3 {
		t.Errorf("event is %+v", last)
	}
}

// TestPlansHoldTheirNumber has several pipelines that use run.id, while somebody else's runs take numbers away.
func TestPlansHoldTheirNumber(t *testing.T) {
	s := registered(t)
	env := onPush + "description = \"x\"\n"
	text := strings.ReplaceAll(pipeline("a", env)+pipeline("b", env), `activity "do" {`, "activity \"do\" {\n env = { N = run.id }\n")
	text = strings.ReplaceAll(text, `script = "true" }`, "script = \"true\"\n}")
	s.commit(".tutti/ci.hcl", text)
	taken := 0
	s.compiler.during = func(dsl.Request) {
		if taken++; taken <= 3 {
			if _, err := s.db.CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: "app", State: plan.Done, Result: plan.Skipped}}); err != nil {
				t.Error(err)
			}
		}
	}
	want(t, s.push(), "a: queued", "b: queued")
	runs, err := s.db.Runs(t.Context(), server.RunFilter{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		job, err := s.db.JobPlan(t.Context(), r.ID, "test")
		if err != nil {
			t.Fatal(err)
		}
		if got := job.Activities[0].Env["N"]; got != string(rune('0'+r.ID)) {
			t.Errorf("run %d was told that it is run %s", r.ID, got)
		}
	}
}

func TestPushIsNotLostWithTheCompiler(t *testing.T) {
	s := registered(t)
	s.compiler.err = errors.New("no process can be started")
	s.commit(".tutti/ci.hcl", pipeline("ci", onPush))
	_, err := s.Push(t.Context(), "app")
	wantError(t, err, server.Unavailable, "cannot be compiled now")
	s.compiler.err = nil
	want(t, s.push(), "ci: queued")
}

func TestPushesAtTheSameTime(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", pipeline("ci", onPush))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Push(t.Context(), "app"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	runs, err := s.db.Runs(t.Context(), server.RunFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 1 {
		t.Errorf("one push started %d runs", len(runs))
	}
}

// dying is a store that fails once just before, or just after, it has stored a push, as a server that is killed does.
type dying struct {
	*store.DB
	before, after bool
}

func (d *dying) Advance(ctx context.Context, m server.Move, starts []server.NewRun) ([]server.Run, error) {
	if d.before {
		d.before = false
		return nil, errors.New("killed")
	}
	runs, err := d.DB.Advance(ctx, m, starts)
	if d.after && err == nil {
		d.after = false
		return nil, errors.New("killed")
	}
	return runs, err
}

func TestPushIsNeitherLostNorDoubled(t *testing.T) {
	for name, d := range map[string]*dying{"KilledBefore": {before: true}, "KilledAfter": {after: true}} {
		t.Run(name, func(t *testing.T) {
			s := registered(t)
			d.DB = s.db
			s.Store = d
			s.commit(".tutti/ci.hcl", pipeline("ci", onPush))
			if _, err := s.Push(t.Context(), "app"); err == nil {
				t.Fatal("no error")
			}
			if _, err := s.Push(t.Context(), "app"); err != nil {
				t.Fatal(err)
			}
			runs, err := s.db.Runs(t.Context(), server.RunFilter{})
			if err != nil {
				t.Fatal(err)
			}
			if len(runs) != 1 {
				t.Errorf("there are %d runs, want 1", len(runs))
			}
		})
	}
}

func TestRegister(t *testing.T) {
	t.Run("WhatIsThereStartsNothing", func(t *testing.T) {
		s := newScene(t)
		s.commit(".tutti/ci.hcl", pipeline("ci", onPush))
		s.git("branch", "dev")
		if err := s.Register(t.Context(), s.project()); err != nil {
			t.Fatal(err)
		}
		want(t, s.push())
		s.commit("more", "")
		want(t, s.push(), "ci: queued")
	})
	t.Run("UnseenProjectIsSeenFirst", func(t *testing.T) {
		s := newScene(t)
		if err := s.db.CreateProject(t.Context(), s.project()); err != nil {
			t.Fatal(err)
		}
		s.commit(".tutti/ci.hcl", pipeline("ci", onPush))
		want(t, s.push())
		s.commit("more", "")
		want(t, s.push(), "ci: queued")
	})
	t.Run("ErrTaken", func(t *testing.T) {
		s := registered(t)
		wantError(t, s.Register(t.Context(), s.project()), server.Conflict, "already")
	})
	t.Run("ErrNoRepository", func(t *testing.T) {
		s := newScene(t)
		err := s.Register(t.Context(), server.Project{Name: "app", URL: filepath.Join(s.dir, "nothing")})
		wantError(t, err, server.Invalid, "cannot be read")
		_, err = s.db.Project(t.Context(), "app")
		wantError(t, err, server.NotFound, "")
	})
	t.Run("ErrURL", func(t *testing.T) {
		err := newScene(t).Register(t.Context(), server.Project{Name: "app", URL: "ext::sh -c id"})
		wantError(t, err, server.Invalid, "no repository that tutti reads")
	})
}

func TestProblemOfProject(t *testing.T) {
	s := registered(t)
	away := s.dir + ".away"
	if err := os.Rename(s.dir, away); err != nil {
		t.Fatal(err)
	}
	_, err := s.Push(t.Context(), "app")
	wantError(t, err, server.Unavailable, "cannot be read")
	p, err := s.db.Project(t.Context(), "app")
	if err != nil || !strings.Contains(p.Problem, "cannot be read") {
		t.Errorf("project is %+v, error %v", p, err)
	}
	if err := os.Rename(away, s.dir); err != nil {
		t.Fatal(err)
	}
	s.push()
	if p, err = s.db.Project(t.Context(), "app"); err != nil || p.Problem != "" {
		t.Errorf("project is %+v, error %v", p, err)
	}
}

func TestPoll(t *testing.T) {
	s := registered(t)
	changed := make(chan server.RunID, 10)
	s.db.OnChange = func(run server.RunID) { changed <- run }
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { s.Poll(ctx, 10*time.Millisecond) })
	for _, name := range []string{".tutti/ci.hcl", ".tutti/more.hcl"} {
		s.commit(name, pipeline(strings.TrimSuffix(filepath.Base(name), ".hcl"), onPush))
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatal("a push was not noticed within 20 seconds")
		}
	}
}

// TestPushTellsTheRelease has files that ask for another release of the server.
func TestPushTellsTheRelease(t *testing.T) {
	s := registered(t)
	s.Release = "1.1.0"
	s.commit(".tutti/ci.hcl", "tutti { server = \">= 1.2\" }\n"+pipeline("ci", onPush))
	s.push()
	runs, err := s.db.Runs(t.Context(), server.RunFilter{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 1 {
		t.Fatalf("%d runs", len(runs))
	}
	r, err := s.db.Run(t.Context(), runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if r.Result != plan.Failed || len(r.Problems) != 1 || r.Problems[0].Code != "E227" {
		t.Errorf("run is %s, with %+v", r.Result, r.Problems)
	}
}
