package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest"
)

func TestTroublesComeAndGoOnOpenPages(t *testing.T) {
	browser := startBrowser(t)
	s := servertest.New(t)
	finished := s.Logged([]byte("hello\n"))
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	c := s.Start(run.ID, "test")
	s.Report(c, "", "", servertest.Running("unit", 0))
	s.Append(servertest.LogOf(c, "unit"), "hello\n", 0, false)
	pages := []string{"/agents", fmt.Sprintf("/runs/%d", run.ID), logPage(run.ID, "test", "unit"), fmt.Sprintf("/runs/%d", finished.ID), logPage(finished.ID, "test", "unit")}
	var tabs []*tab
	for _, path := range pages {
		b := browser.open(t, s)
		b.visit(path)
		b.inject(`window.marked = false`)
		b.run(chromedp.Evaluate[chromedp.Void](`void (window.marked = true)`)) // which a page that was loaded anew is not
		tabs = append(tabs, b)
	}
	shows := func(what, text string) {
		t.Helper()
		for _, b := range tabs {
			b.until(what, fmt.Sprintf(`document.querySelector("#troubles").innerText.includes(%q) && window.marked`, text))
		}
	}
	s.Troubles.Set(server.Trouble{Kind: "logs", Text: "the disk of the logs is full: make space on /var/lib/tutti", Since: time.Now(), Halts: true})
	shows("a trouble appears", "The disk of the logs is full: make space on /var/lib/tutti. No new job starts as long as this lasts.")
	s.Troubles.Set(server.Trouble{Kind: "restored", Text: "the server was restored from a backup of yesterday", Since: time.Now()})
	s.Troubles.Clear("logs")
	for _, b := range tabs {
		b.until("the other one is gone", `!document.querySelector("#trouble-logs") && document.querySelector("#trouble-restored")`)
	}
	tabs[1].run(chromedp.Click(chromedp.CSS("#trouble-restored button")))
	for _, b := range tabs {
		b.until("what was dismissed is gone", `!document.querySelector(".trouble") && window.marked`)
		b.checkPolicy()
	}
}

func TestAgentsInTrouble(t *testing.T) {
	s := servertest.New(t)
	ctx := t.Context()
	for _, err := range []error{
		s.DB.RefuseAgent(ctx, server.Agent{ID: "b2", Name: "copy", Problem: "quarantined: duplicate identity. Two agents use the same data folder"}),
		s.DB.NoteAgent(ctx, servertest.AgentID, "its data folder was copied: lin-08 uses the same identity and is refused"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b := startBrowser(t).open(t, s)
	b.visit("/agents")
	b.untilText("[aria-label='Problem of copy']", "copy is not connected")
	b.untilText("[aria-label='Problem of copy']", "Quarantined: duplicate identity.")
	b.untilText("[aria-label='Note on lin-07']", "Its data folder was copied: lin-08")
}

func TestDoubtsNotesAndWhatIsLeftOut(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit", "lint"))
	c := s.Start(run.ID, "test")
	const doubt = "agent lin-07 was last heard of 50 s ago; the job may still run there, and counts as lost in 9 min"
	const note = "the agent was restarted; the job went on"
	unit := servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte("hello\n"))
	unit.Omitted = 123 << 20
	s.Write(servertest.LogOf(c, "unit"), []byte("hello\n"))
	s.Report(c, "", "", unit, servertest.Running("lint", time.Second))
	s.Doubt(c, doubt)
	if err := s.DB.Report(t.Context(), servertest.AgentID, server.JobReport{Claim: c, Revision: 100, Note: note}); err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t).open(t, s)
	b.visit(fmt.Sprintf("/runs/%d", run.ID))
	b.untilText(".waits", "test runs: "+doubt)
	b.untilText("#job-test .job", note)
	b.untilText("#job-test", "123.0 MiB of the log left out")
	b.visit(logPage(run.ID, "test", "unit"))
	for _, want := range []string{note, "123.0 MiB of the log left out", doubt} {
		b.untilText("#loghead", want)
	}
	s.Doubt(c, "")
	b.visit(fmt.Sprintf("/runs/%d", run.ID))
	b.until("the doubt is gone", `!document.querySelector(".waits")`)
}
