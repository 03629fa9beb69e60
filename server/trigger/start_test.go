package trigger_test

import (
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/trigger"
)

func TestStart(t *testing.T) {
	s := registered(t)
	input := "input \"who\" {\n type = string\n default = \"you\"\n }\n"
	s.commit(".tutti/ci.hcl", pipeline("ci", onPush+onManual+input))
	s.commit(".tutti/nightly.hcl", pipeline("nightly", "on \"push\" { branches = [\"never\"] }\n"))
	s.git("checkout", "--quiet", "-b", "mistakes")
	s.commit(".tutti/ci.hcl", "pipelin {}")
	s.git("checkout", "--quiet", "-b", "several", "main")
	s.commit(".tutti/more.hcl", pipeline("more", onManual))
	s.git("checkout", "--quiet", "--orphan", "none", "main")
	s.git("rm", "-r", "--quiet", "--force", ".")
	s.commit("README", "")
	s.git("checkout", "--quiet", "main")

	for name, test := range map[string]struct {
		req   trigger.Request
		want  string
		kind  server.Kind
		words string
	}{
		"ByHand":          {req: trigger.Request{Kinds: []string{"manual"}}, want: "ci: queued"},
		"Named":           {req: trigger.Request{Kinds: []string{"manual"}, Pipeline: "ci", Ref: "main", Inputs: map[string]string{"who": "dana"}}, want: "ci: queued"},
		"AnyKind":         {req: trigger.Request{Kinds: []string{"push", "manual"}, Pipeline: "ci"}, want: "ci: queued"},
		"AnyPipeline":     {req: trigger.Request{}, want: "ci: queued"}, // the other one's filters keep it out
		"SecondChoice":    {req: trigger.Request{Kinds: []string{"manual", "push"}, Pipeline: "nightly"}, want: "nightly: queued"},
		"AsPush":          {req: trigger.Request{Kinds: []string{"push"}, Pipeline: "nightly"}, want: "nightly: queued"},
		"SeveralByName":   {req: trigger.Request{Pipeline: "more", Ref: "several"}, want: "more: queued"},
		"MistakesInFiles": {req: trigger.Request{Kinds: []string{"manual"}, Pipeline: "ci", Ref: "mistakes"}, want: ": done failed, the pipeline has mistakes"},

		"ErrProject":      {req: trigger.Request{Project: "nobody"}, kind: server.NotFound, words: `there is no project "nobody"`},
		"ErrRef":          {req: trigger.Request{Ref: "nobody"}, kind: server.NotFound, words: `"nobody"`},
		"ErrNoFolder":     {req: trigger.Request{Ref: "none"}, kind: server.Invalid, words: "has no .tutti/*.hcl"},
		"ErrPipeline":     {req: trigger.Request{Kinds: []string{"manual"}, Pipeline: "nothing"}, kind: server.NotFound, words: `there is no pipeline "nothing"; there is ci, nightly`},
		"ErrNotByHand":    {req: trigger.Request{Kinds: []string{"manual"}, Pipeline: "nightly"}, kind: server.Invalid, words: `it has no on "manual"`},
		"ErrSeveral":      {req: trigger.Request{Kinds: []string{"manual"}, Ref: "several"}, kind: server.Invalid, words: "several pipelines can be started: ci, more"},
		"ErrUnknownInput": {req: trigger.Request{Kinds: []string{"manual"}, Inputs: map[string]string{"whom": "x"}}, kind: server.Invalid, words: `has no input "whom"`},
		"ErrJob":          {req: trigger.Request{Pipeline: "ci", Jobs: []string{"c"}}, kind: server.Invalid, words: `has no job "c"; it has test, deploy`},
	} {
		t.Run(name, func(t *testing.T) {
			if test.req.Project == "" {
				test.req.Project = "app"
			}
			r, err := s.Start(t.Context(), test.req)
			if test.want == "" {
				wantError(t, err, test.kind, test.words)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want(t, []string{brief(r)}, test.want)
		})
	}
	t.Run("WhoAndWhat", func(t *testing.T) {
		r, err := s.Start(t.Context(), trigger.Request{Project: "app", Kinds: []string{"manual"}, Actor: "dana", Inputs: map[string]string{"who": "x"}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Event.Kind != "manual" || r.Event.Branch != "main" || r.Event.Actor != "dana" || r.Inputs["who"] != "x" {
			t.Errorf("run is %+v", r)
		}
	})
	t.Run("SomeJobs", func(t *testing.T) {
		for wanted, names := range map[string]string{"test": "test", "deploy": "test deploy"} {
			r, err := s.Start(t.Context(), trigger.Request{Project: "app", Pipeline: "ci", Jobs: []string{wanted}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, j := range r.Jobs {
				got = append(got, j.Name)
			}
			if strings.Join(got, " ") != names {
				t.Errorf("jobs for %s are %v", wanted, got)
			}
		}
	})
	t.Run("EmptyRepository", func(t *testing.T) {
		_, err := registered(t).Start(t.Context(), trigger.Request{Project: "app"})
		wantError(t, err, server.Invalid, "has no main branch yet")
	})
}

// BenchmarkStart is the way from a wish to jobs in the queue, but for HTTP.
func BenchmarkStart(b *testing.B) {
	s := registered(b)
	s.commit(".tutti/ci.hcl", pipeline("ci", onManual))
	for b.Loop() {
		if _, err := s.Start(b.Context(), trigger.Request{Project: "app", Kinds: []string{"manual"}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPush is the way from the call of a hook to jobs in the queue.
func BenchmarkPush(b *testing.B) {
	s := registered(b)
	s.commit(".tutti/ci.hcl", pipeline("ci", onPush))
	for b.Loop() {
		b.StopTimer()
		s.commit("", "")
		b.StartTimer()
		if runs, err := s.Push(b.Context(), "app"); err != nil || len(runs) != 1 {
			b.Fatal(err)
		}
	}
}

func TestStartOfSomeJobs(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", `pipeline "ci" {
  on "manual" {}
  job "build" {
    image = "alpine"
    activity "x" { script = "true" }
  }
  job "test" {
    needs = [job.build]
    image = "alpine"
    matrix {
      axes = { go = ["1.25", "1.26"] }
    }
    activity "x" { command = ["go", matrix.go] }
  }
  approval "release" { needs = [job.test] }
  job "lint" {
    image = "alpine"
    activity "x" { script = "true" }
  }
}
`)
	for _, c := range []struct{ jobs, want string }{
		{"lint", "lint"},
		{"test", "build test test.1 test.2"},
		{"test.2", "build test test.2"},
		{"release", "build test test.1 test.2 release"},
		{"lint test.1", "build test test.1 lint"},
		{"", "build test test.1 test.2 release lint"},
	} {
		r, err := s.Start(t.Context(), trigger.Request{Project: "app", Jobs: strings.Fields(c.jobs)})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, j := range r.Jobs {
			names = append(names, j.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("of %q, the jobs are %q, want %q", c.jobs, got, c.want)
		}
	}
	_, err := s.Start(t.Context(), trigger.Request{Project: "app", Jobs: []string{"tset"}})
	wantError(t, err, server.Invalid, `pipeline "ci" has no job "tset"; it has build, test, release, lint`)
}
