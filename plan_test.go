package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

const plannedPipelines = `variable "region" { type = string }
secret "token" {}
activity "send" {
  input "what" { type = string }
  image   = "alpine:3.20"
  command = ["echo", input.what]
}
pipeline "ci" {
  on "push" { branches = ["main"] }
  on "pull_request" {}
  on "schedule" { cron = "0 4 * * *" }
  concurrency { group = "ci-${coalesce(event.branch, "none")}" }
  job "test" {
    image   = "golang:${matrix.go}"
    retries = { lost = 2 }
    matrix {
      axes         = { go = ["1.25", "1.26"] }
      max_parallel = 1
    }
    activity "unit" {
      script  = <<-SH
        go vet ./...
        go test ./...
      SH
      retries = { lost = 2, oom = 1 }
      output "cover" { type = number }
    }
    output "cover" { value = activity.unit.outputs.cover }
  }
  job "docs" {
    when  = event.branch == "docs"
    image = "alpine:3.20"
    activity "render" { script = "true" }
  }
  approval "release" {
    needs     = [job.test, optional(job.docs)]
    approvers = ["dana"]
    message   = "Release?"
  }
  job "deploy" {
    needs       = [approval.release]
    environment = "production"
    fence       = "30m"
    agent { labels = ["zone=eu"] }
    activity "send" {
      use  = def.send
      with = { what = "to ${var.region}: ${join(",", [for r in job.test.each : tostring(coalesce(r.outputs.cover, 0))])}" }
    }
    activity "tell" {
      image         = "alpine:3.20"
      side_effects  = true
      run_on        = "always"
      allow_failure = true
      env           = { TOKEN = secret.token }
      script        = "true"
    }
  }
}
pipeline "release" {
  on "tag" { names = ["v*"] }
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
`

func TestPlanTellsEverything(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": plannedPipelines})
	code, out, errs := ask(t, "", "plan", dir, "--branch", "main", "--var", "region=eu")
	const want = `event: push of branch main, commit 00000000
pipeline ci starts: branch main matches main
pipeline release would not run: the pipeline has no on "push"

pipeline ci
  one at a time in group "ci-main"; a newcomer waits
  job test: 2 instances, at most 1 side by side
    test (go 1.25), at most 1h
      begun anew when it was lost, at most 2 times
      unit in golang:1.25, tried again for lost 2, oom 1: sh script: go vet ./... … (1 more lines)
      puts out cover (number)
    test (go 1.26), at most 1h
      begun anew when it was lost, at most 2 times
      unit in golang:1.26, tried again for lost 2, oom 1: sh script: go vet ./... … (1 more lines)
      puts out cover (number)
  job docs
    skipped: when is false: event.branch == "docs" (event.branch is "main")
  approval release, after test, docs (which may be skipped)
    asks dana, for at most 72h: Release?
  job deploy, after release, test, to production, on an agent with zone=eu
    ended when the server was not heard of for 30m
    secrets: token
    send, which is def.send, in alpine:3.20: a command that is known later
    tell in alpine:3.20, whatever happened above, may fail, with side effects: sh script: true
    known when what it needs has ended: "with" of activity "send" = { what = "to ${var.region}: ${join(",", [for r in job.test.each : tostring(coalesce(r.outputs.cover, 0))])}" }
    known when what it needs has ended: "command" of activity "send" = ["echo", input.what]
    known just before the activity: "env" of activity "tell" = { TOKEN = secret.token }
`
	if code != exitOK || errs != "" {
		t.Fatalf("code %d, %s", code, errs)
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPlanOfOtherEvents(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": plannedPipelines})
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"--branch dev", exitOK, "nothing starts"},
		{"--branch dev --pipeline ci", exitOK, `one at a time in group "ci-dev"`},
		{"--event tag --tag v1", exitOK, "pipeline release starts: tag v1 matches v*"},
		{"--event tag --tag x1", exitOK, "pipeline release would not run: tag x1 does not match v*"},
		{"--event pull_request --branch fix --target main", exitOK, "event: pull request from fix to main"},
		{"--event pull_request --from-fork", exitOK, "skipped: it needs the secret token, and pull requests from forks get none"},
		{"--event schedule", exitOK, "pipeline ci starts: it is time: 0 4 * * *"},
		{"--event schedule --cron 1", exitOK, "nothing starts"},
		{"--event pipeline --source build", exitOK, "nothing starts"},
		{"--event manual", exitOK, `pipeline ci would not run: the pipeline has no on "manual"`},
		{"--pipeline cd", exitFailed, `There is no pipeline "cd"`},
		{"--input size=3 --branch main", exitFailed, `has no input "size"`},
		{"--input size", exitUsage, "NAME=VALUE"},
		{"--event tag", exitUsage, "needs the --tag"},
		{"--event pipeline", exitUsage, "needs the --source"},
		{"--event push --target main", exitUsage, "--target belongs to --event pull_request"},
		{"--branch a --tag b", exitUsage, "exclude each other"},
		{"--event nothing", exitUsage, "is not one of push, pull_request"},
		{"--graph png", exitUsage, "neither"},
		{"--graph dot --json", exitUsage, "exclude each other"},
		{"--graph dot --branch main", exitOK, `p0n2 -> p0n3;`},
		{"--graph mermaid --branch main", exitOK, `p0n1 -.-> p0n2`},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, errs := ask(t, "", append([]string{"plan", dir, "--var", "region=eu"}, strings.Fields(c.args)...)...)
			if code != c.code || !strings.Contains(out+errs, c.want) {
				t.Errorf("code %d, %s%s; want %d, %q", code, out, errs, c.code, c.want)
			}
		})
	}
}

// TestPlanNamesWhatIsMissing gives neither the variable nor, in a file of its own, the secret.
func TestPlanNamesWhatIsMissing(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": plannedPipelines, "secrets": "other = abcdef\n"})
	code, out, errs := ask(t, "", "plan", dir, "--branch", "main", "--secret-file", dir+"/secrets")
	if code != exitFailed || out != "" || !strings.Contains(errs, `"region"`) || !strings.Contains(errs, `"token"`) {
		t.Errorf("code %d, %q, %s", code, out, errs)
	}
	if strings.Contains(errs, "abcdef") {
		t.Errorf("a secret is shown: %s", errs)
	}
}

func TestPlanAsJSON(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": plannedPipelines})
	code, out, errs := ask(t, "", "plan", dir, "--branch", "main", "--var", "region=eu", "--json")
	var told struct {
		Event   dsl.Event
		Matches []dsl.Match
		Plans   []*plan.Plan
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || code != exitOK || errs != "" {
		t.Fatalf("code %d, %v, %s", code, err, errs)
	}
	if told.Event.Branch != "main" || len(told.Matches) != 2 || len(told.Plans) != 1 || len(told.Plans[0].Jobs) != 6 {
		t.Errorf("it says %+v", told)
	}
}

// TestPlanFollowsSkips has an approval that is skipped, with all that may and may not run without it.
func TestPlanFollowsSkips(t *testing.T) {
	job := func(name, inside string) string {
		return "job \"" + name + "\" {\n  image = \"alpine:3.20\"\n" + inside + "\n  activity \"x\" { script = \"true\" }\n}\n"
	}
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": "pipeline \"ci\" {\n  on \"push\" {}\n" +
		job("later", "needs = [job.production]") + job("build", "") +
		"approval \"release\" {\n  needs = [job.build]\n  when = event.branch == \"main\"\n}\n" +
		job("production", "needs = [job.build, approval.release]\n  matrix { axes = { zone = [\"a\", \"b\"] } }") +
		job("clean", "needs = [job.production]\n  run_on = \"failed\"") + job("notify", "needs = [job.production]\n  run_on = \"always\"") +
		job("docs", "needs = [optional(job.production)]") + "}\n"})
	code, out, errs := ask(t, "", "plan", dir, "--branch", "dev")
	const want = `event: push of branch dev, commit 00000000
pipeline ci starts: branch dev

pipeline ci
  job later, after production
    skipped: needs production, which is skipped
  job build, at most 1h
    x in alpine:3.20: sh script: true
  approval release, after build
    skipped: when is false: event.branch == "main" (event.branch is "dev")
  job production, after build, release: 2 instances
    skipped: needs release, which is skipped
  job clean, after production, if one of them failed
    skipped: run_on is "failed", and all that it needs is skipped
  job notify, after production, however they end, at most 1h
    x in alpine:3.20: sh script: true
  job docs, after production (which may be skipped), at most 1h
    x in alpine:3.20: sh script: true
`
	if diff := cmp.Diff(want, out); code != exitOK || diff != "" {
		t.Errorf("code %d, %s, -want +got:\n%s", code, errs, diff)
	}
	if _, out, _ := ask(t, "", "plan", dir, "--branch", "dev", "--graph", "mermaid"); strings.Count(out, "skipped: ") != 4 {
		t.Errorf("graph is\n%s", out)
	}
}

// TestPlanHidesLateCommands has commands of which parts are not known yet: of an instance, and of a definition.
func TestPlanHidesLateCommands(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": `activity "say" {
  input "what" { type = string }
  image   = "alpine:3.20"
  command = ["echo", input.what]
}
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    matrix { axes = { n = [1] } }
    activity "first" {
      script = "true"
      output "o" { type = string }
    }
    activity "second" { command = ["echo", activity.first.outputs.o] }
    activity "third" {
      use  = def.say
      with = { what = activity.first.outputs.o }
    }
  }
}
`})
	code, out, errs := ask(t, "", "plan", dir)
	if code != exitOK || strings.Count(out, ": a command that is known later") != 2 || strings.Contains(out, `"echo",""`) {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
}
