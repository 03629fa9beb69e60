package web_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server/servertest"
)

// inSight is an expression that is true while a row is fully in sight and holds its text.
func inSight(n int) string {
	return fmt.Sprintf(`(() => {
		const row = document.querySelector("#log .r[data-n='%d']:not(.wait)");
		if (!row) return false;
		const a = row.getBoundingClientRect(), b = document.getElementById("log").getBoundingClientRect();
		return a.height > 0 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
	})()`, n)
}

func row(n int) string { return fmt.Sprintf(`#log .r[data-n="%d"] .x`, n) }

func (b *tab) key(keys string) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(keys))
}

func TestLiveLog(t *testing.T) {
	browser := startBrowser(t)
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	b := browser.open(t, s)
	path := logPage(run.ID, "test", "unit")

	b.visit(path) // before there is anything
	b.untilText(".foot", "Nothing written yet")
	c := s.Start(run.ID, "test")
	id := servertest.LogOf(c, "unit")
	s.Report(c, "", "", servertest.Running("unit", 0))
	s.Append(id, "first line\n", time.Second, false)
	b.untilText("#log", "first line")
	b.untilText("#loghead", "running")

	n := 1
	add := func(lines int) {
		for range lines {
			n++
			s.Append(id, fmt.Sprintf("line %d\n", n), time.Second, n%10 == 0)
		}
	}
	add(200)
	b.until("the last line is followed", inSight(n))
	b.until("all of the lines are there", fmt.Sprintf(`document.querySelectorAll("#log .r").length === %d`, n))
	b.until("standard error is marked", `document.querySelector("#log .r[data-n='20'].e") && !document.querySelector("#log .r[data-n='21'].e")`)

	// Whoever goes up stays there while lines come.
	b.key("g")
	b.until("the first line is in sight", inSight(1))
	add(100)
	b.untilText("#latest", "100 new lines")
	b.until("the view did not move", inSight(1))
	b.key("G")
	b.until("the end is followed again", inSight(n))

	// A line that is not over is shown, and shown again when it goes on; of a progress bar, its last state.
	s.Append(id, "10%", time.Second, false)
	b.until("a line that is not over is shown", fmt.Sprintf(`document.querySelector(%q)?.textContent === "10%%"`, row(n+1)))
	s.Append(id, "\r50%\r100%\nafter\n", time.Second, false)
	b.until("progress went on", fmt.Sprintf(`document.querySelector(%q)?.textContent === "100%%"`, row(n+1)))
	n += 2
	b.until("the line after it is shown", inSight(n))

	// A log that outgrows what a page bears goes over to the other view.
	s.Append(id, string(servertest.Lines(11_000)), time.Second, false)
	n += 11_000
	b.until("the end of the long log is followed", inSight(n))
	b.until("only some rows are in the page", `document.querySelectorAll("#log .r").length < 500`)

	s.Finish(id)
	s.Report(c, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, nil))
	b.untilText("#loghead", "passed")
	b.until("the stream ended", `document.getElementById("connection").dataset.state === "ended"`)
	b.checkPolicy()
}

func TestLongLog(t *testing.T) {
	const total = 1_000_000
	browser := startBrowser(t)
	s := servertest.New(t)
	log := servertest.Lines(total)
	run := s.Logged(log)
	b := browser.open(t, s)
	path := logPage(run.ID, "test", "unit")

	b.visit(path)
	b.until("it opens at its end", inSight(total))
	b.untilText(".foot", "1,000,000 lines")
	b.key("g")
	b.until("the beginning is in sight", inSight(1))
	b.run(chromedp.Evaluate[chromedp.Void](`void (document.getElementById("log").scrollTop = document.getElementById("log").scrollHeight / 2)`))
	b.until("a jump of the scrollbar goes to the middle", `(() => {
		const n = Number([...document.querySelectorAll("#log .r:not(.wait)")][30]?.dataset.n);
		return n > 490000 && n < 510000;
	})()`)
	for range 20 {
		b.run(chromedp.Evaluate[chromedp.Void](`void document.getElementById("log").scrollBy(0, 300)`))
	}
	b.until("numbers follow each other", `(() => {
		const n = [...document.querySelectorAll("#log .r")].map((r) => Number(r.dataset.n));
		return n.length > 40 && n.every((x, i) => !i || x === n[i - 1] + 1) && !document.querySelector("#log .r.wait");
	})()`)

	b.visit(path + "?L=500000-500002")
	b.until("the link's line is in sight", inSight(500_000))
	b.until("its lines are marked", `[...document.querySelectorAll("#log .r.sel")].map((r) => r.dataset.n).join() === "500000,500001,500002"`)
	if want, got := strings.Split(string(log), "\n")[499_999], eval[string](b, fmt.Sprintf(`document.querySelector(%q).textContent`, row(500_000))); got != want {
		t.Errorf("line 500,000 shows %q, want %q", got, want)
	}
	b.run(chromedp.Click(chromedp.CSS(`#log .r[data-n="500004"] a.n`)))
	b.until("a click marks a line", `location.search === "?L=500004"`)

	b.run(chromedp.SendKeys(chromedp.CSS("#q"), "NEEDLE"))
	want := strings.Count(string(log), "needle")
	b.untilText("#hits", fmt.Sprintf("of %d lines", want))
	b.until("the next hit after the place is shown", inSight(19*26_317))
	b.until("hits are painted", `CSS.highlights.get("current").size === 1`)
	b.run(chromedp.Click(chromedp.CSS("#case")))
	b.untilText("#hits", "0 lines")
	b.checkPolicy()
}

// A chunk of long lines is too much text for one answer.
func TestLogOfLongLines(t *testing.T) {
	const total = 400
	browser := startBrowser(t)
	s := servertest.New(t)
	run := s.Logged(bytes.Repeat([]byte(strings.Repeat("x", 16<<10-1)+"\n"), total))
	b := browser.open(t, s)
	b.visit(logPage(run.ID, "test", "unit"))
	b.until("all of the lines are there", fmt.Sprintf(`document.querySelectorAll("#log .r:not(.wait)").length === %d`, total))
	b.checkPolicy()
}

func TestWildLog(t *testing.T) {
	browser := startBrowser(t)
	s := servertest.New(t)
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	log := bytes.Join([][]byte{
		[]byte(`<script>document.title = "hacked"</script><img src=x onerror="document.title='hacked'">`),
		[]byte("\x1b[1;31mred\x1b[0m \x1b[38;5;208morange\x1b[0m \x1b[48;2;0;0;255mblue\x1b[0m"),
		[]byte("\x1b]8;;javascript:alert(1)\x1b\\a link\x1b]8;;\x1b\\"),
		[]byte("10%\r20%\r100%"),
		[]byte("invalid \xff\xfe bytes and \x00 zero"),
		long,
		[]byte("עברית and العربية and 😀 and a\ttab"),
		[]byte("last"),
	}, []byte("\n"))
	run := s.Logged(append(log, '\n'))
	b := browser.open(t, s)
	path := logPage(run.ID, "test", "unit")

	b.visit(path)
	b.until("it opens at its end", inSight(8))
	for n, want := range map[int]string{
		1: `<script>document.title = "hacked"</script><img src=x onerror="document.title='hacked'">`,
		2: "red orange blue", 3: "a link", 4: "100%", 5: "invalid \ufffd bytes and \u2400 zero", 7: "עברית and العربية and 😀 and a\ttab",
	} {
		if got := eval[string](b, fmt.Sprintf(`document.querySelector(%q).textContent`, row(n))); got != want {
			t.Errorf("line %d shows %q, want %q", n, got, want)
		}
	}
	if n := eval[int](b, `document.querySelectorAll("#log script, #log img, #log .x a").length`); n != 0 {
		t.Errorf("%d elements came out of the log", n)
	}
	if colour := eval[string](b, fmt.Sprintf(`getComputedStyle(document.querySelector(%q).firstElementChild).color`, row(2))); colour == eval[string](b, `getComputedStyle(document.body).color`) {
		t.Errorf("red is %s, as all other text", colour)
	}
	b.untilText(`#log .r[data-n="6"] button.cut`, "show all 1.0 MiB")
	b.run(chromedp.Evaluate[chromedp.Void](`void document.querySelector("#log .r[data-n='6'] button.cut").click()`))
	b.until("all of the long line is shown", fmt.Sprintf(`document.querySelector(%q).textContent.length === %d`, row(6), len(long)))
	if title := eval[string](b, `document.title`); strings.Contains(title, "hacked") {
		t.Error("the log ran a script")
	}
	b.checkPolicy()
	raw := eval[int](b, `fetch(document.getElementById("raw").href).then((r) => r.arrayBuffer()).then((a) => a.byteLength)`)
	if raw != len(log)+1 {
		t.Errorf("the raw log has %d bytes, want %d", raw, len(log)+1)
	}
}
