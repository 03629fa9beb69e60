package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/server"
)

const approvalPipeline = `
pipeline "ci" {
  on "push" {}
  on "manual" {}
  job "build" {
    image = "IMAGE"
    activity "version" {
      script = "echo 1.4.2 > $TUTTI_OUTPUT/version"
      output "version" { type = string }
    }
    output "version" { value = activity.version.outputs.version }
  }
  approval "release" {
    approvers = ["group:managers"]
    message   = "Release ${job.build.outputs.version}?"
    timeout   = "1h"
  }
  job "ship" {
    needs = [approval.release]
    image = "IMAGE"
    activity "go" {
      env    = { BY = approval.release.by }
      script = "echo by $BY"
    }
  }
}`

func TestApprovals(t *testing.T) {
	s := newStage(t)
	t.Setenv("TUTTI_SERVER", s.Server)
	t.Setenv("TUTTI_TOKEN", s.Token)
	waits := func() server.Run {
		runs := s.push(map[string]string{".tutti/ci.hcl": approvalPipeline})
		return s.wait(runs[0].ID, "asked", func(r server.Run) bool { return asks(jobOf(r, "release")) })
	}

	run := waits()
	if a := jobOf(run, "release").Approval; a.Message != "Release 1.4.2?" || a.Deadline == nil {
		t.Errorf("the question is %+v", a)
	}
	id := fmt.Sprint(run.ID)
	for _, c := range []struct {
		args         string
		code         int
		stdout, errs string
	}{
		{"approve " + id + " ship", 1, "", "ship"},
		{"approve " + id + " -m fine", 0, "release of run " + id + " is approved", ""},
		{"approve " + id, 1, "", "waits for no approval"},
		{"reject " + id + " release", 1, "", "release"},
	} {
		if code, stdout, errs := command(t, strings.Fields(c.args)...); code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(errs, c.errs) {
			t.Errorf("tutti %s: exit code %d, want %d\n%s%s", c.args, code, c.code, stdout, errs)
		}
	}
	run = s.end(run.ID)
	if a := jobOf(run, "release").Approval; run.Result != plan.Passed || a.By != "admin" || a.Comment != "fine" {
		t.Errorf("the approved run is %s: %v, %+v", run.Result, ends(run), a)
	}
	if log := s.log(run.ID, "ship", "go"); log != "by admin\n" {
		t.Errorf("what was approved knows %q", log)
	}

	run = waits()
	if _, err := s.Reject(t.Context(), run.ID, "release", "not on a Friday"); err != nil {
		t.Fatal(err)
	}
	run = s.end(run.ID)
	want := map[string]string{"build": "passed", "release": "failed: rejected by admin: not on a Friday", "ship": "skipped: needs release, which failed"}
	if diff := cmp.Diff(want, ends(run)); diff != "" || run.Result != plan.Failed {
		t.Errorf("the rejected run is %s (-want +got):\n%s", run.Result, diff)
	}
}

func TestApprovalsOfALocalRun(t *testing.T) {
	image := dockertest.Busybox(t)
	dir := userTree(t)
	t.Chdir(dir)
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("USER", "dana")
	write(t, dir, ".tutti/ci.hcl", strings.ReplaceAll(approvalPipeline, "IMAGE", image))
	if code, out, errs := command(t, "run", "--approve", "release"); code != 0 || !strings.Contains(out, "==> ship/go\nby dana\n") {
		t.Errorf("approved: exit code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := command(t, "run"); code != 1 || !strings.Contains(out, "rejected by tutti run: there is no terminal to ask at; start the run with --approve release") {
		t.Errorf("without a terminal: exit code %d\n%s%s", code, out, errs)
	}
}
