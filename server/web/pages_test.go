package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api"
	"github.com/tutti-ci/tutti/server/servertest"
)

func TestPages(t *testing.T) {
	browser := startBrowser(t)

	t.Run("SignIn", func(t *testing.T) {
		s := servertest.New(t)
		run := s.Run(servertest.NewJob("test", nil, "unit"))
		code, _ := s.Auth.NewCode()
		b := browser.openSignedOut(t, s)

		b.visit(fmt.Sprintf("/runs/%d", run.ID))
		b.untilText("h1", "Sign in")
		b.run(chromedp.SendKeys(chromedp.CSS("#code"), api.LoginURL(s.URL, code)), chromedp.Click(chromedp.CSS("button.main")))
		b.untilText("h1", "Fix retry of shard upload") // where it was meant to go in the first place
		b.run(chromedp.Click(chromedp.CSS(`form[action="/logout"] button`)))
		b.untilText("h1", "Sign in")

		b.run(chromedp.Navigate(api.LoginURL(s.URL, code)), chromedp.Click(chromedp.CSS("button.main")))
		b.untilText("main", "used already or is too old")
		b.visit("/")
		b.untilText("h1", "Sign in")
		b.expect("401")
	})

	t.Run("RunsAppear", func(t *testing.T) {
		s := servertest.New(t)
		b := browser.open(t, s)
		b.untilText("main", "No run yet")
		b.until("the page is live", `document.getElementById("connection").dataset.state === "live"`)
		run := s.Run(servertest.NewJob("test", nil, "unit"))
		b.untilText("#runs", "queued")
		c := s.Start(run.ID, "test")
		b.untilText("#runs", "running")
		s.Report(c, plan.Failed, "exit code 1", servertest.Ended("unit", plan.Failed, "exit code 1", 0, time.Second, nil))
		b.untilText("#runs", "failed")
		b.run(chromedp.Click(chromedp.CSS("#runs a.row")))
		b.untilText(".card.bad", "unit")
		b.checkPolicy()
	})

	t.Run("RunIsLive", func(t *testing.T) {
		s := servertest.New(t)
		gpu := servertest.NewJob("train", nil, "fit")
		gpu.Labels = []string{"gpu=h100"}
		run := s.Run(servertest.NewJob("test", nil, "unit"), servertest.NewJob("deploy", []string{"test"}, "ship"), gpu)
		b := browser.open(t, s)
		b.visit(fmt.Sprintf("/runs/%d", run.ID))
		b.untilText(".waits", "gpu=h100")
		b.until("the page is live", `document.getElementById("connection").dataset.state === "live"`)
		b.run(chromedp.Evaluate[chromedp.Void](`void document.querySelector(".graph a").focus()`))

		c := s.Start(run.ID, "test")
		s.Report(c, "", "", servertest.Running("unit", 0))
		b.until("the job runs in the graph", `document.querySelector(".graph a[href='#job-test'] .node.s-running")`)
		b.untilText("#job-test .activity", "running")
		b.until("focus stays where it was", `document.activeElement?.getAttribute("href") === "#job-test"`)

		s.Report(c, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, nil))
		b.untilText("#job-test .job", "passed")
		b.untilText("#job-deploy .job", "queued")
		b.run(chromedp.Click(chromedp.CSS(".head form button")))
		b.untilText(".facts", "canceled")
		b.until("nothing can be canceled any more", `!document.querySelector(".head form")`)
	})

	t.Run("AnApprovalSaysHowToAnswer", func(t *testing.T) {
		s := servertest.New(t)
		run := s.Run(servertest.NewJob("build", nil, "compile"), servertest.NewApproval("release", "Release 1.2?\nIt has 3 changes.", []string{"build"}), servertest.NewJob("ship", []string{"release"}, "roll-out"))
		b := browser.open(t, s)
		b.visit(fmt.Sprintf("/runs/%d", run.ID))
		b.untilText("#job-release .job", "waiting")
		c := s.Start(run.ID, "build")
		s.Report(c, plan.Passed, "", servertest.Ended("compile", plan.Passed, "", 0, time.Second, nil))
		for _, want := range []string{"group:release-managers", "Release 1.2?\nIt has 3 changes.", "until", fmt.Sprintf("tutti approve %d release", run.ID), fmt.Sprintf("tutti reject %d release", run.ID)} {
			b.untilText(".waits", want)
		}
		b.until("the graph tells it from other waiting", `document.querySelector(".graph a[href='#job-release'] .node.s-asking.of-approval")`)
		b.until("so does the tab", `document.querySelector("link[rel=icon]").href.includes("asking")`)
		if err := s.DB.Decide(t.Context(), run.ID, "release", server.Decision{Approve: true, By: "dana", Comment: "go ahead"}); err != nil {
			t.Fatal(err)
		}
		b.untilText("#job-release .job", "by dana: go ahead")
		b.untilText("#job-ship .job", "queued")
		b.checkPolicy()
	})

	t.Run("InstancesAppearLate", func(t *testing.T) {
		s := servertest.New(t)
		matrix := plan.Job{Name: "test", Kind: plan.KindMatrix, Deferred: true, Needs: []string{"list"}}
		run := s.Run(servertest.NewJob("list", nil, "list"), matrix, servertest.NewJob("after", []string{"test"}, "ship"))
		b := browser.open(t, s)
		drawn := func(job, text string) {
			t.Helper()
			b.until(job+" is drawn as "+text, fmt.Sprintf(`document.querySelector(".graph a[href='#job-%s']")?.textContent.includes(%q)`, job, text))
		}
		b.visit(fmt.Sprintf("/runs/%d", run.ID))
		drawn("test", "× ?")
		c := s.Start(run.ID, "list")
		s.Report(c, plan.Passed, "", servertest.Ended("list", plan.Passed, "", 0, time.Second, nil))
		planned := servertest.NewMatrix("test", "go", []string{"1.25", "1.26"}, []string{"list"}, "unit")
		if err := s.DB.Expand(t.Context(), server.JobRef{Run: run.ID, Job: "test"}, planned); err != nil {
			t.Fatal(err)
		}
		drawn("test", "× 2")
		drawn("test.2", "go 1.26")
		b.untilText("#job-test\\.2 .job", "test (go 1.26)")
		c = s.Start(run.ID, "test.2")
		s.Append(servertest.LogOf(c, "unit"), "hello\n", 0, false)
		s.Report(c, "", "", servertest.Running("unit", 0))
		b.until("the instance runs in the graph", `document.querySelector(".graph a[href='#job-test.2'] .node.s-running")`)
		b.visit(logPage(run.ID, "test.2", "unit"))
		b.untilText("#loghead", "test (go 1.26)")
		b.untilText("#log", "hello")
	})

	t.Run("OutputsTriesAndReasons", func(t *testing.T) {
		s := servertest.New(t)
		build, off := servertest.NewJob("build", nil, "compile"), servertest.NewJob("off", nil, "never")
		build.Outputs = []plan.Output{{Name: "version", Type: plan.Type{Kind: plan.TypeString}}, {Name: "token", Type: plan.Type{Kind: plan.TypeString}, Sensitive: true}}
		build.Activities[0].Uses, build.Activities[0].Retries = "lib.acme.compile", plan.Retries{Any: 2}
		off.Skip = `when is false: event.branch == "main" (event.branch is "dev")`
		run := s.Run(build, off)
		c := s.Start(run.ID, "build")
		ended := servertest.Ended("compile", plan.Passed, "", 0, time.Second, nil)
		ended.Tries = []server.Try{{Cause: "exit code 1"}, {Cause: "timeout of 1s exceeded"}}
		s.Report(c, plan.Passed, "", ended)
		values := map[string]json.RawMessage{"version": json.RawMessage(`"1.2 <b>"`), "token": json.RawMessage(`"hunter2-hunter2"`)}
		if err := s.DB.Conclude(t.Context(), server.JobRef{Run: run.ID, Job: "build"}, values, ""); err != nil {
			t.Fatal(err)
		}
		b := browser.open(t, s)
		b.visit(fmt.Sprintf("/runs/%d", run.ID))
		b.untilText(".outputs", "build version\n1.2 <b>")
		b.untilText("#job-build .activity", "try 3, after exit code 1; timeout of 1s exceeded")
		b.untilText("#job-build .activity", "lib.acme.compile")
		b.untilText("#job-off .job", `when is false: event.branch == "main" (event.branch is "dev")`)
		if text := b.text("body"); strings.Contains(text, "hunter2") {
			t.Errorf("the page shows a sensitive output:\n%s", text)
		}
	})

	t.Run("ARunWaitsForItsTurn", func(t *testing.T) {
		s := servertest.New(t)
		planned := servertest.NewPlan(servertest.NewJob("deploy", nil, "ship"))
		planned.Concurrency = &plan.Concurrency{Group: "deploy", Policy: plan.PolicyQueue}
		var runs []server.Run
		for range 2 {
			run, err := s.DB.CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: servertest.Project, Event: servertest.Event}, Plan: planned})
			if err != nil {
				t.Fatal(err)
			}
			runs = append(runs, run)
		}
		b := browser.open(t, s)
		b.untilText("#runs", "waits for run 1 (group deploy)")
		b.visit(fmt.Sprintf("/runs/%d", runs[1].ID))
		b.untilText(".waits", "run 1 (group deploy)")
		c := s.Start(runs[0].ID, "deploy")
		s.Report(c, plan.Passed, "", servertest.Ended("ship", plan.Passed, "", 0, time.Second, nil))
		b.untilText("#job-deploy .job", "queued")
	})

	t.Run("ProblemsOfAPipeline", func(t *testing.T) {
		s := servertest.New(t)
		run := brokenRun(t, s)
		b := browser.open(t, s)
		b.visit(fmt.Sprintf("/runs/%d", run.ID))
		for _, want := range []string{"error[E204]", "Unknown job", ".tutti/ci.hcl:12:12", "needs = [job.biuld]", "^^^^^", `Did you mean "build"?`} {
			b.untilText(".card.bad", want)
		}
	})

	t.Run("AgentWithAProblem", func(t *testing.T) {
		s := servertest.New(t)
		session, err := s.DB.UpsertAgent(t.Context(), server.Agent{ID: "a2", Name: "sick", Capacity: 1})
		if err != nil {
			t.Fatal(err)
		}
		b := browser.open(t, s)
		b.visit("/agents")
		b.untilText("main", "2 of 2 connected")
		if err := s.DB.AgentStatus(t.Context(), "a2", session, server.AgentStatus{Capacity: 1, Problem: "no Docker engine answers"}); err != nil {
			t.Fatal(err)
		}
		b.untilText(".card.bad", "No Docker engine answers.")
	})

	t.Run("NothingThere", func(t *testing.T) {
		s := servertest.New(t)
		b := browser.open(t, s)
		b.visit("/runs/7")
		b.untilText("main", "404")
		b.untilText("main", "There is no run 7")
		b.expect("404")
	})
}

// TestLooks checks every page on a phone, in the dark, and without scripts.
func TestLooks(t *testing.T) {
	browser := startBrowser(t)
	s := showcase(t)
	b := browser.open(t, s.Server)
	defer b.expect("404") // of the page that shows an error

	t.Run("Phone", func(t *testing.T) {
		b.run(chromedp.EmulateViewport(360, 740))
		for name, path := range s.pages {
			b.visit(path)
			if wide := eval[int](b, `document.documentElement.scrollWidth`); wide > 360 {
				t.Errorf("page %s scrolls sideways: it is %d px wide", name, wide)
			}
		}
	})

	t.Run("Structure", func(t *testing.T) {
		b.run(chromedp.EmulateViewport(1280, 800))
		for name, path := range s.pages {
			b.visit(path)
			if n := eval[int](b, `document.querySelectorAll("h1").length`); n != 1 {
				t.Errorf("page %s has %d h1", name, n)
			}
			if n := eval[int](b, `document.querySelectorAll("[style]:not(#log *):not(#log)").length`); n != 0 {
				t.Errorf("page %s has %d style attributes", name, n)
			}
			if bad := eval[[]string](b, `[...document.querySelectorAll("button, a, input")].filter((e) => e.checkVisibility() && !(e.innerText || e.value || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.labels?.length || e.textContent)).map((e) => e.outerHTML)`); len(bad) > 0 {
				t.Errorf("page %s has controls without a name: %q", name, bad)
			}
		}
	})

	t.Run("Dark", func(t *testing.T) {
		background := func() string { return eval[string](b, `getComputedStyle(document.documentElement).backgroundColor`) }
		media := func(scheme string) {
			b.run(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))
		}
		media("light")
		b.visit("/")
		light := background()
		media("dark")
		if dark := background(); dark == light {
			t.Errorf("the background is %s in the dark as well", dark)
		}
		b.run(chromedp.Click(chromedp.CSS("#theme")))
		if got := background(); got != light {
			t.Errorf("after a click on the theme the background is %s, want %s", got, light)
		}
		b.visit("/agents")
		if got := background(); got != light {
			t.Errorf("the choice of the theme is forgotten on the next page: the background is %s", got)
		}
	})

	t.Run("NoScripts", func(t *testing.T) {
		b.run(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
		defer b.run(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false}))
		b.visit(s.pages["log-failed"])
		for _, want := range []string{"--- FAIL: TestRetryShard", "upload_test.go:88"} {
			if text := b.text("#log"); !strings.Contains(text, want) {
				t.Errorf("the log shows no %q without scripts", want)
			}
		}
		b.visit(s.pages["run-failed"])
		if text := b.text("main"); !strings.Contains(text, "1 failure, shown first") || !strings.Contains(text, "deploy-staging") {
			t.Errorf("the run cannot be read without scripts:\n%s", text)
		}
	})
}
