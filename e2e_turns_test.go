package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func TestRunsOfAGroupTakeTurns(t *testing.T) {
	s := newStage(t)
	files := map[string]string{".tutti/ci.hcl": `
pipeline "ci" {
  on "push" {}
  concurrency {
    group  = "deploy-main"
    policy = "queue"
  }
  job "a" {
    image = "IMAGE"
    activity "a" { script = "test ! -e hold || sleep 60" }
  }
}`, "hold": "x"}
	first := s.push(files)[0]
	s.wait(first.ID, "running", func(r server.Run) bool { return jobOf(r, "a").State == plan.Running })
	second, third := s.push(map[string]string{"n": "2"})[0], s.push(map[string]string{"n": "3"})[0]
	for _, r := range []server.Run{second, third} {
		run, err := s.Run(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("run %d (group deploy-main)", first.ID); run.State != plan.Waiting || run.WaitsFor == "" || r.ID == second.ID && run.WaitsFor != want {
			t.Errorf("run %d is %s and waits for %q", run.ID, run.State, run.WaitsFor)
		}
	}
	if _, err := s.Cancel(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	s.wait(second.ID, "running", func(r server.Run) bool { return jobOf(r, "a").State == plan.Running })
	if run, err := s.Run(t.Context(), third.ID); err != nil || run.State != plan.Waiting {
		t.Errorf("the third run does not wait for the second: %s, %v", run.State, err)
	}
	for _, r := range []server.Run{second, third} {
		if _, err := s.Cancel(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		if run := s.end(r.ID); run.Result != plan.Canceled {
			t.Errorf("run %d is %s: %s", run.ID, run.Result, run.Cause)
		}
	}
}

func TestWhatRunsAfterACancellation(t *testing.T) {
	s := newStage(t)
	pipeline := `
pipeline "ci" {
  on "push" {}
  job "long" {
    image = "IMAGE"
    activity "sleep" { script = "sleep 60" }
    activity "tidy" {
      run_on = "always"
      script = "echo tidy; LAST"
    }
  }
  job "notify" {
    needs  = [job.long]
    run_on = "always"
    image  = "IMAGE"
    activity "tell" {
      env    = { HOW = job.long.result }
      script = "echo $HOW"
    }
  }
}`
	start := func(last string) server.RunID {
		id := s.push(map[string]string{".tutti/ci.hcl": strings.ReplaceAll(pipeline, "LAST", last)})[0].ID
		s.wait(id, "sleeping", func(r server.Run) bool { return jobOf(r, "long").Activities[0].State == plan.Running })
		if _, err := s.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return id
	}

	run := s.end(start("true"))
	if got := s.log(run.ID, "long", "tidy") + s.log(run.ID, "notify", "tell"); got != "tidy\ncanceled\n" || run.Result != plan.Canceled {
		t.Errorf("after a cancellation ran %q, and the run is %s: %v", got, run.Result, ends(run))
	}

	id := start("sleep 60")
	s.wait(id, "tidying", func(r server.Run) bool { return jobOf(r, "long").Activities[1].State == plan.Running })
	began := time.Now()
	if _, err := s.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	run = s.end(id)
	if took := time.Since(began); run.Result != plan.Canceled || jobOf(run, "notify").Result != plan.Canceled || took > 45*time.Second {
		t.Errorf("after the second cancellation the run was %s %s later: %v", run.Result, took, ends(run))
	}
}
