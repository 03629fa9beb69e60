package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest"
)

// A show is a server with something to see on every page.
type show struct {
	*servertest.Server
	pages map[string]string // paths by name
}

func showcase(t testing.TB) show {
	t.Helper()
	s := servertest.New(t)
	failed := failedRun(s)
	broken := brokenRun(t, s)
	s.Logged(servertest.Lines(2000))
	running := s.Run(servertest.NewJob("lint", nil, "vet"), func() plan.Job {
		j := servertest.NewJob("gpu", nil, "train")
		j.Labels = []string{"gpu=h100"}
		return j
	}(), servertest.NewJob("deploy", []string{"lint", "gpu"}, "roll-out"))
	c := s.Start(running.ID, "lint")
	s.Append(servertest.LogOf(c, "vet"), string(servertest.Lines(300)), time.Second, false)
	s.Report(c, "", "", servertest.Running("vet", time.Second))
	delivery := deliveryRun(s)
	lost, attempt := lostRun(s)
	s.Troubles.Set(server.Trouble{Kind: "logs", Text: "the disk of the logs is full (/var/lib/tutti/logs): agents keep what they have; make space there", Since: time.Now().Add(-90 * time.Second), Halts: true})
	s.Troubles.Set(server.Trouble{Kind: "restored", Text: "the server was restored from a backup of 2026-03-01 02:00: what happened since is not here", Since: time.Now()})
	return show{s, map[string]string{
		"runs": "/", "run-failed": fmt.Sprintf("/runs/%d", failed.ID), "run-broken": fmt.Sprintf("/runs/%d", broken.ID),
		"run-lost": fmt.Sprintf("/runs/%d", lost.ID), "log-again": logPage(lost.ID, "integration", "postgres"),
		"log-lost":     logPage(lost.ID, "integration", "postgres") + fmt.Sprintf("?epoch=%d", attempt.Epoch),
		"run-delivery": fmt.Sprintf("/runs/%d", delivery.ID),
		"run-running":  fmt.Sprintf("/runs/%d", running.ID), "agents": "/agents", "login": "/login?code=x", "error": "/runs/99",
		"log-failed": logPage(failed.ID, "unit-2", "go-test"), "log-running": logPage(running.ID, "lint", "vet"),
	}}
}

// lostRun is a run with all that can befall a job.
func lostRun(s *servertest.Server) (server.Run, server.Claim) {
	again := func(j plan.Job, n int) plan.Job {
		j.Retries = plan.Retries{By: map[plan.Cause]int{plan.CauseLost: n}}
		return j
	}
	deploy := servertest.NewJob("deploy", nil, "roll-out")
	deploy.Activities[0].SideEffects = true
	run := s.Run(again(servertest.NewJob("integration", nil, "compile", "postgres"), 2), again(deploy, 1), servertest.NewJob("lint", nil, "vet"),
		servertest.NewJob("soak", nil, "hammer"))
	first := s.Start(run.ID, "integration")
	s.Append(servertest.LogOf(first, "compile"), string(servertest.Lines(20)), time.Second, false)
	s.Append(servertest.LogOf(first, "postgres"), string(servertest.Lines(40)), time.Second, false)
	s.Report(first, plan.Lost, "the host of the agent was rebooted while it ran",
		servertest.Ended("compile", plan.Passed, "", 0, time.Second, nil), servertest.Running("postgres", time.Second))
	second := s.Start(run.ID, "integration")
	s.Append(servertest.LogOf(second, "postgres"), string(servertest.Lines(90)), time.Second, false)
	s.Report(second, "", "", servertest.Ended("compile", plan.Passed, "", 0, time.Second, nil), servertest.Running("postgres", time.Second))
	s.Doubt(second, "agent lin-07 was last heard of 50 s ago; the job may still run there, and counts as lost in 9 min")

	c := s.Start(run.ID, "deploy")
	s.Append(servertest.LogOf(c, "roll-out"), "rolling out 1.4.0\n", time.Second, false)
	s.Report(c, "", "", servertest.Running("roll-out", 0))
	s.Report(c, plan.Lost, "Docker was restarted while it ran (live-restore is off)")
	c = s.Start(run.ID, "lint")
	full := servertest.Ended("vet", plan.Lost, "the agent's disk was full for 10 minutes: no space left on device", 0, time.Second, nil)
	full.LogIncomplete, full.Omitted = "the agent's disk was full", 123<<20
	s.Report(c, plan.Lost, "the agent's disk was full for 10 minutes: no space left on device", full)
	c = s.Start(run.ID, "soak")
	s.Report(c, plan.Canceled, "canceled by dana; the agent did not confirm within 11m that it ended",
		servertest.Ended("hammer", plan.Canceled, "canceled by dana; the agent did not confirm within 11m that it ended", 0, time.Second, nil))
	return run, first
}

// deliveryRun is a run with a matrix, which waits for a person.
func deliveryRun(s *servertest.Server) server.Run {
	instances := servertest.NewMatrix("test", "go", []string{"1.24", "1.25", "1.26"}, []string{"build"}, "unit", "race")
	jobs := append([]plan.Job{servertest.NewJob("build", nil, "compile")}, instances...)
	skipped := servertest.NewJob("nightly", nil, "soak")
	skipped.Skip = `when is false: event.kind == "schedule" (event.kind is "push")`
	jobs = append(jobs, skipped, servertest.NewApproval("release", "Release 1.4.0?\nIt has 3 changes since 1.3.2.", []string{"test"}),
		servertest.NewJob("production", []string{"release"}, "roll-out", "smoke"))
	run := s.Run(jobs...)
	for _, name := range []string{"build", "test.1", "test.2", "test.3"} {
		c := s.Start(run.ID, name)
		var done []server.ActivityReport
		for _, j := range jobs {
			for k, a := range j.Activities {
				if j.Name == name {
					done = append(done, servertest.Ended(a.Name, plan.Passed, "", time.Duration(k*30)*time.Millisecond, 25*time.Millisecond, nil))
				}
			}
		}
		s.Report(c, plan.Passed, "", done...)
	}
	return run
}

// failedRun is a run in which a shard of the tests failed.
func failedRun(s *servertest.Server) server.Run {
	jobs := []plan.Job{servertest.NewJob("lint", nil, "vet"), servertest.NewJob("vet", nil, "vet")}
	var shards []string
	for i := range 4 {
		shards = append(shards, fmt.Sprintf("unit-%d", i+1))
		jobs = append(jobs, servertest.NewJob(shards[i], nil, "go-test"))
	}
	jobs = append(jobs,
		servertest.NewJob("build-linux-amd64", []string{"lint", "vet"}, "compile"), servertest.NewJob("build-linux-arm64", []string{"lint", "vet"}, "compile"),
		servertest.NewJob("e2e-chromium", []string{"build-linux-amd64"}, "start", "e2e"), servertest.NewJob("image-scan", []string{"build-linux-amd64"}, "scan"),
		servertest.NewJob("deploy-staging", append(shards, "e2e-chromium", "image-scan", "build-linux-arm64"), "roll-out"))
	run := s.Run(jobs...)
	for i, j := range jobs {
		if j.Name == "deploy-staging" {
			break
		}
		c := s.Start(run.ID, j.Name)
		result, cause, log := plan.Passed, "", servertest.Lines(40)
		if j.Name == "unit-2" {
			result, cause, log = plan.Failed, "exit code 1", []byte(failedLog)
		}
		var done []server.ActivityReport
		for k, a := range j.Activities {
			s.Write(servertest.LogOf(c, a.Name), log)
			done = append(done, servertest.Ended(a.Name, result, cause, time.Duration(k*30)*time.Millisecond, time.Duration(20+i*5)*time.Millisecond, log))
		}
		s.Report(c, result, cause, done...)
	}
	return run
}

var failedLog = strings.Repeat("ok  \tacme/api/queue\t0.2s\n", 300) + "=== RUN   TestRetryShard\n\x1b[31m--- FAIL: TestRetryShard (0.31s)\x1b[0m\n" +
	"    upload_test.go:88: got 3 attempts, want 5\n    upload_test.go:91: last error: connection reset\nFAIL\nFAIL\tacme/api/upload\t0.402s\nFAIL\n"

// brokenRun is a run whose pipeline has mistakes.
func brokenRun(t testing.TB, s *servertest.Server) server.Run {
	t.Helper()
	run, err := s.DB.CreateRun(t.Context(), server.NewRun{Run: server.Run{
		Project: servertest.Project, Event: servertest.Event, State: plan.Done, Result: plan.Failed, Cause: "the pipeline has 2 problems",
		Problems: []plan.Problem{
			{Code: "E204", Severity: plan.Error, Title: "Unknown job", Detail: "There is no job \"biuld\". Did you mean \"build\"?", File: ".tutti/ci.hcl",
				Start: plan.Position{Line: 12, Column: 12}, End: plan.Position{Line: 12, Column: 17}, Snippet: `  needs = [job.biuld]`, Carets: `               ^^^^^`},
			{Code: "E101", Severity: plan.Error, Title: "Missing image", Detail: "Activity \"vet\" has no image, and neither has its job.\nAdd image = \"...\" to one of them.",
				File: ".tutti/ci.hcl", Start: plan.Position{Line: 20, Column: 3}, Snippet: `  activity "vet" {`, Carets: `  ^^^^^^^^^^^^^^`},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return run
}
