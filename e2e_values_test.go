package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// wait follows a run until something is true of it, and answers it.
func (s *stage) wait(id server.RunID, what string, is func(server.Run) bool) server.Run {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	var found server.Run
	ready := fmt.Errorf("ready")
	err := s.Changes(ctx, id, 0, func(server.Change) error {
		run, err := s.Run(ctx, id)
		if err == nil && is(run) {
			found = run
			return ready
		}
		return err
	})
	if found.ID == 0 {
		run, _ := s.Run(s.t.Context(), id)
		s.t.Fatalf("run %d: never %s (%v); it is %+v", id, what, err, run)
	}
	return found
}

func jobOf(run server.Run, name string) server.Job {
	for _, j := range run.Jobs {
		if j.Name == name {
			return j
		}
	}
	return server.Job{Name: "(there is no job " + name + ")"}
}

// ends lists how the jobs of a run ended, and why where that is said.
func ends(run server.Run) map[string]string {
	all := map[string]string{}
	for _, j := range run.Jobs {
		all[j.Name] = verdict(j.Result, j.Cause, false)
	}
	return all
}

func TestValuesFlowFromOneToTheNext(t *testing.T) {
	s := newStage(t)
	run := s.one(`
pipeline "ci" {
  on "push" {}
  job "make" {
    image = "IMAGE"
    activity "write" {
      script = "echo 1.4.2 > $TUTTI_OUTPUT/version; echo '[\"b\", \"a\"]' > $TUTTI_OUTPUT/parts; echo unread > $TUTTI_OUTPUT/other"
      output "version" { type = string }
      output "parts" { type = list(string) }
    }
    activity "read" {
      env    = { VERSION = activity.write.outputs.version }
      script = "echo \"<$VERSION>\""
    }
    output "version" { value = "v${activity.write.outputs.version}" }
    output "parts" { value = activity.write.outputs.parts }
  }
  job "each" {
    matrix { axes = { part = job.make.outputs.parts } }
    image = "IMAGE"
    activity "say" {
      env    = { PART = matrix.part, VERSION = job.make.outputs.version }
      script = "echo \"$PART $VERSION\"; printf %s \"$PART$PART\" > $TUTTI_OUTPUT/twice"
      output "twice" { type = string }
    }
    output "twice" { value = activity.say.outputs.twice }
  }
  job "all" {
    image = "IMAGE"
    activity "say" {
      env    = { ALL = join(",", [for r in job.each.each : "${r.matrix.part}=${r.outputs.twice}"]) }
      script = "echo \"$ALL\""
    }
  }
}`)
	if run.Result != plan.Passed {
		t.Fatalf("the run is %s: %s\n%v\n%+v", run.Result, run.Cause, ends(run), run.Problems)
	}
	for what, want := range map[[2]string]string{
		{"make", "read"}: "<1.4.2>\n", {"each.1", "say"}: "b v1.4.2\n", {"each.2", "say"}: "a v1.4.2\n", {"all", "say"}: "b=bb,a=aa\n",
	} {
		if got := s.log(run.ID, what[0], what[1]); got != want {
			t.Errorf("%v says %q, want %q", what, got, want)
		}
	}
	if got := string(jobOf(run, "make").Outputs["version"]); got != `"v1.4.2"` {
		t.Errorf("the output of make is %s", got)
	}
	if title := jobOf(run, "each.2").Title(); title != "each (part a)" {
		t.Errorf("each.2 is titled %q", title)
	}
}

func TestWhatRunsAndWhatNot(t *testing.T) {
	s := newStage(t)
	run := s.one(`
pipeline "ci" {
  on "push" {}
  job "off" {
    when  = event.branch == "release"
    image = "IMAGE"
    activity "never" { script = "exit 1" }
  }
  job "bad" {
    image = "IMAGE"
    activity "lint" {
      allow_failure = true
      script        = "exit 3"
    }
    activity "retried" {
      retries = { exit = 2 }
      script  = "echo x >> tries; n=$(wc -l < tries); echo try $n; test $n -ge 3"
    }
    activity "fails" { script = "exit 4" }
    activity "after" { script = "true" }
    activity "clean" {
      run_on = "failed"
      script = "echo cleaning"
    }
  }
  job "warns" {
    image = "IMAGE"
    activity "lint" {
      allow_failure = true
      script        = "exit 3"
    }
  }
  job "wrong" {
    image = "IMAGE"
    activity "number" {
      script = "echo many > $TUTTI_OUTPUT/n"
      output "n" { type = number }
    }
  }
  job "needs-off" {
    needs = [job.off]
    image = "IMAGE"
    activity "go" { script = "true" }
  }
  job "may-lack-off" {
    needs = [optional(job.off), job.warns]
    image = "IMAGE"
    activity "go" { script = "true" }
  }
  job "needs-bad" {
    needs = [job.bad]
    image = "IMAGE"
    activity "go" { script = "true" }
  }
  job "diagnose" {
    needs  = [job.bad]
    run_on = "failed"
    image  = "IMAGE"
    activity "go" { script = "true" }
  }
  job "unneeded" {
    needs  = [job.warns]
    run_on = "failed"
    image  = "IMAGE"
    activity "go" { script = "true" }
  }
  job "always" {
    needs  = [job.needs-bad]
    run_on = "always"
    image  = "IMAGE"
    activity "go" {
      env    = { HOW = job.needs-bad.result }
      script = "echo $HOW"
    }
  }
}`)
	got := ends(run)
	for job, want := range map[string]string{
		"off": `when is false: event.branch == "release" (event.branch is "main")`, "bad": "failed", "warns": "warned", "wrong": "failed",
		"needs-off": "skipped: needs off, which was skipped", "may-lack-off": "passed", "needs-bad": "skipped: needs bad, which failed",
		"diagnose": "passed", "unneeded": "skipped", "always": "passed",
	} {
		if !strings.Contains(got[job], want) {
			t.Errorf("job %s is %q, want %q", job, got[job], want)
		}
	}
	bad := jobOf(run, "bad").Activities
	var results []plan.Result
	for _, a := range bad {
		results = append(results, a.Result)
	}
	if diff := cmp.Diff([]plan.Result{plan.Warned, plan.Passed, plan.Failed, plan.Skipped, plan.Passed}, results); diff != "" {
		t.Errorf("the activities of bad (-want +got):\n%s", diff)
	} else if len(bad[1].Tries) != 2 || bad[1].Tries[0].Cause != "exit code 1" {
		t.Errorf("the tries of bad/retried are %+v", bad[1].Tries)
	}
	if log := s.log(run.ID, "bad", "retried"); !strings.Contains(log, "try 1\n") || !strings.Contains(log, "try 3\n") {
		t.Errorf("the log of bad/retried has not all tries: %q", log)
	}
	if cause := jobOf(run, "wrong").Activities[0].Cause; !strings.Contains(cause, `output "n"`) || strings.Contains(cause, "many") {
		t.Errorf("an output of a wrong type fails with %q", cause)
	}
	if log := s.log(run.ID, "always", "go"); log != "skipped\n" {
		t.Errorf("the job that always runs saw %q", log)
	}
}
