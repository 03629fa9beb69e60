package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
)

func TestLibraries(t *testing.T) {
	s := newStage(t)
	lib := t.TempDir()
	mustGit(t, "init", "--quiet", "--initial-branch=main", lib)
	publish := func(text string) {
		write(t, lib, ".tutti/hello.hcl", strings.ReplaceAll(text, "IMAGE", dockertest.Busybox(t)))
		mustGit(t, "-C", lib, "add", ".")
		mustGit(t, "-C", lib, "-c", "user.name=Lib", "-c", "user.email=lib@localhost", "commit", "--quiet", "-m", "A version")
		mustGit(t, "-C", lib, "tag", "--force", "v1.0.0")
	}
	definition := `activity "hello" {
  input "who" { type = string }
  image  = "IMAGE"
  env    = { WHO = input.who }
  script = "echo GREETING $WHO"
}
`
	publish(strings.ReplaceAll(definition, "GREETING", "hello"))
	pipeline := fmt.Sprintf(`
library "acme" {
  source  = %q
  version = "v1.0.0"
}
pipeline "ci" {
  on "push" {}
  job "a" {
    activity "say" {
      use  = lib.acme.hello
      with = { who = "Dana" }
    }
  }
}`, lib)
	if run := s.one(pipeline); run.Result != plan.Failed || len(run.Problems) == 0 || !strings.Contains(run.Problems[0].Detail, "tutti lock") {
		t.Errorf("without a lock file the run is %s: %s, %+v", run.Result, run.Cause, run.Problems)
	}
	t.Chdir(s.work)
	if code, out, errs := command(t, "lock"); code != 0 {
		t.Fatalf("tutti lock: exit code %d\n%s%s", code, out, errs)
	}
	run := s.one(pipeline)
	if run.Result != plan.Passed {
		t.Fatalf("the run is %s: %s, %+v", run.Result, run.Cause, run.Problems)
	}
	if a := jobOf(run, "a").Activities[0]; a.Uses != "lib.acme.hello" || s.log(run.ID, "a", "say") != "hello Dana\n" {
		t.Errorf("the activity comes from %q and says %q", a.Uses, s.log(run.ID, "a", "say"))
	}

	// A tag that was moved means nothing: the lock says which commit, and that is here.
	publish(strings.ReplaceAll(definition, "GREETING", "goodbye"))
	if run := s.one(pipeline); run.Result != plan.Passed || s.log(run.ID, "a", "say") != "hello Dana\n" {
		t.Errorf("after the tag was moved the run is %s: %s, %+v", run.Result, run.Cause, run.Problems)
	}
	// Offline.
	if err := os.Rename(lib, lib+".gone"); err != nil {
		t.Fatal(err)
	}
	if run := s.one(pipeline); run.Result != plan.Passed {
		t.Errorf("without the library's repository the run is %s: %s, %+v", run.Result, run.Cause, run.Problems)
	}
}
