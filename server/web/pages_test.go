package web_test

import (
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
