package web_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tutti-ci/tutti/server/servertest"
)

// seen is a script that notes when a row was painted, in milliseconds since the page was asked for and since 1970.
const seen = `window.seen = (n) => new Promise((done) => {
	const look = () => {
		const row = document.querySelector("#log .r[data-n='" + n + "']:not(.wait)"), log = document.getElementById("log");
		if (row && log) {
			const a = row.getBoundingClientRect(), b = log.getBoundingClientRect();
			if (a.bottom <= b.bottom + 1 && a.top >= b.top - 1) {
				requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => done([performance.now(), performance.timeOrigin + performance.now()]); c.port2.postMessage(0); });
				return;
			}
		}
		requestAnimationFrame(look);
	};
	look();
});
window.opened = seen(new URLSearchParams(location.search).get("L") ?? 1000000); // from the first moment on
`

// TestTimes measures what the budgets of README.md are about. It prints figures and judges none of them: run it on a machine
// that does nothing else.
func TestTimes(t *testing.T) {
	if os.Getenv("TUTTI_TIMES") != "1" {
		t.Skip("TUTTI_TIMES is not 1")
	}
	s := servertest.New(t)
	b := startBrowser(t).open(t, s)
	b.inject(seen)
	run := s.Logged(servertest.Lines(1_000_000))
	path := logPage(run.ID, "test", "unit")
	floor := measure(9, func() float64 {
		b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(s.URL+"/healthz"))
		return eval[float64](b, `new Promise((done) => new PerformanceObserver((l) => done(l.getEntries()[0].startTime)).observe({type: "paint", buffered: true}))`)
	})
	t.Logf("first paint of a page of two bytes: %s", floor)
	for name, query := range map[string]string{"at its end": "", "at line 500,000": "?L=500000"} {
		t.Logf("1M lines, opened %-18s %s", name+":", measure(9, func() float64 {
			b.run(chromedp.Navigate("about:blank"))
			b.run(chromedp.Navigate(s.URL + path + query))
			return eval[[]float64](b, `window.opened`)[0]
		}))
	}
	b.expect("favicon") // of the page of two bytes
	t.Logf("append to painted, 10 lines a second: %s", follow(t, s, b))
}

func follow(t *testing.T, s *servertest.Server, b *tab) sample {
	live := s.Run(servertest.NewJob("test", nil, "unit"))
	c := s.Start(live.ID, "test")
	id := servertest.LogOf(c, "unit")
	s.Report(c, "", "", servertest.Running("unit", 0))
	s.Append(id, "line 1\n", 0, false)
	b.visit(logPage(live.ID, "test", "unit"))
	b.until("the page is live", `document.getElementById("connection").dataset.state === "live"`)
	n := 1
	return measure(100, func() float64 {
		n++
		b.run(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`void (window.next = seen(%d))`, n)))
		began := time.Now()
		s.Append(id, fmt.Sprintf("line %d of a log that somebody watches\n", n), time.Duration(n)*100*time.Millisecond, false)
		painted := eval[[]float64](b, `window.next`)[1]
		time.Sleep(100 * time.Millisecond)
		return painted - float64(began.UnixMicro())/1000
	})
}

type sample []float64

func measure(n int, once func() float64) sample {
	var s sample
	for range n {
		s = append(s, once())
	}
	slices.Sort(s)
	return s
}

func (s sample) String() string {
	return fmt.Sprintf("p50 %.1f ms, p95 %.1f ms, max %.1f ms of %d", s[len(s)/2], s[len(s)*95/100], s[len(s)-1], len(s))
}
