package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server/servertest"
)

func TestPagesFollowToTheNextAttempt(t *testing.T) {
	browser := startBrowser(t)
	s := servertest.New(t)
	job := servertest.NewJob("test", nil, "build", "unit")
	job.Retries = plan.Retries{By: map[plan.Cause]int{plan.CauseLost: 2}}
	run := s.Run(job)
	log, page, fresh := browser.open(t, s), browser.open(t, s), browser.open(t, s)
	path := logPage(run.ID, "test", "build")
	first := s.Start(run.ID, "test")
	s.Report(first, "", "", servertest.Running("build", 0))
	s.Append(servertest.LogOf(first, "build"), "first of all\nhalf", 0, false)
	log.visit(path)
	log.untilText("#log", "first of all")
	fresh.visit(logPage(run.ID, "test", "unit")) // which has not begun
	page.visit(fmt.Sprintf("/runs/%d", run.ID))

	s.Report(first, plan.Lost, "the host was rebooted")
	for _, b := range []*tab{log, fresh} {
		b.untilText("#loghead", "Attempt 2; attempt 1 was lost on agent lin-07: the host was rebooted")
		b.untilText(".foot", "Nothing written yet")
	}
	page.untilText("#job-test .job", "attempt 2")
	page.untilText("#job-test .job", "attempt 1 of 3 was lost on agent lin-07: the host was rebooted")
	page.untilText("#job-test .attempt", "lost on agent lin-07: the host was rebooted")

	second := s.Start(run.ID, "test")
	s.Report(second, "", "", servertest.Running("build", 0))
	s.Append(servertest.LogOf(second, "build"), "second try\n", 0, false)
	log.untilText("#log", "second try")
	log.until("nothing is left of the first attempt", `!document.querySelector("#log").innerText.includes("first of all")`)

	page.run(chromedp.Click(chromedp.CSS("#job-test .attempt a")))
	page.untilText("#loghead", "This is attempt 1 of 2, which was lost on agent lin-07: the host was rebooted.")
	page.untilText("#log", "first of all\nhalf")
	page.until("links stay in the attempt", fmt.Sprintf(`[...document.querySelectorAll("#steps a, #log a.n, #raw")].every((a) => a.href.includes("epoch=%d"))`, first.Epoch))
	page.run(chromedp.SendKeys(chromedp.CSS("#q"), "first"))
	page.untilText("#hits", "1 line")
	if raw := eval[string](page, `fetch(document.getElementById("raw").href).then((r) => r.text())`); raw != "first of all\nhalf" {
		t.Errorf("the raw log of the attempt is %q", raw)
	}
	s.Finish(servertest.LogOf(second, "build"))
	s.Report(second, "", "", servertest.Ended("build", plan.Passed, "", 0, time.Second, []byte("second try\n")))
	page.run(chromedp.Click(chromedp.CSS("#loghead .attempts a")))
	page.untilText("#log", "second try")
	for _, b := range []*tab{log, page, fresh} {
		b.checkPolicy()
	}
}
