package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server/servertest"
)

// shown is the text of all rows of a log; it is empty while one is missing.
const shown = `(() => {
	const rows = [...document.querySelectorAll("#log .r")];
	if (rows.some((r, i) => r.classList.contains("wait") || Number(r.dataset.n) !== i + 1)) return "";
	return rows.map((r) => r.querySelector(".x").textContent + "\n").join("");
})()`

// A page shows a log as it is downloaded in the end, while its connection is cut every two seconds and the server goes and
// comes, once with less of the log than it had shown.
func TestLogPageSurvivesTheServer(t *testing.T) {
	browser := startBrowser(t)
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	c := s.Start(run.ID, "test")
	id := servertest.LogOf(c, "unit")
	s.Report(c, "", "", servertest.Running("unit", 0))
	log, page := browser.open(t, s), browser.open(t, s)
	for _, b := range []*tab{log, page} {
		b.inject(`addEventListener("pagehide", () => sessionStorage.setItem("left", "yes"))`)
		defer b.expect("net::ERR")
	}
	log.visit(logPage(run.ID, "test", "unit"))
	page.visit(fmt.Sprintf("/runs/%d", run.ID))

	var all strings.Builder
	lines, logs, kept := 0, filepath.Join(s.Folder(), "logs"), filepath.Join(t.TempDir(), "kept")
	write := func(text string) {
		all.WriteString(text)
		s.Append(id, text, time.Second, false)
	}
	away := func(d time.Duration, meanwhile func()) {
		s.Stop()
		meanwhile()
		time.Sleep(d)
		s.Again()
	}
	replace := func(to, from string) {
		t.Helper()
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	fill := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
			lines++
			write(fmt.Sprintf("line %d begins ", lines))
			write("and ends\n")
		}
	}
	for range 2 {
		fill(2 * time.Second)
		s.Cut()
	}
	away(700*time.Millisecond, func() { replace(kept, logs) })
	before := all.Len()
	write("half a line")
	log.untilText("#log", "half a line") // which the server forgets
	write(" and its end\n" + strings.Repeat("one of many\n", 1500))
	lines += 1501
	log.until("the last line is shown", inSight(lines))
	again := all.String()[before:]
	away(0, func() { replace(logs, kept) })
	s.Append(id, again[:5000], time.Second, false)
	fill2 := again[5000:]
	s.Cut()
	s.Append(id, fill2, time.Second, false)
	fill(2 * time.Second)
	s.Cut()
	s.Finish(id)
	s.Report(c, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte(all.String())))

	log.untilText("#loghead", "passed")
	log.until("all lines are there", fmt.Sprintf(`document.querySelectorAll("#log .r").length === %d && %s !== ""`, lines, shown))
	page.untilText("#job-test .job", "passed")
	raw := eval[string](log, `fetch(document.getElementById("raw").href).then((r) => r.text())`)
	if raw != all.String() {
		t.Fatalf("the download has %d bytes of %d", len(raw), all.Len())
	}
	if got := eval[string](log, shown); got != raw {
		t.Errorf("the page differs from the download from byte %d on", differ(got, raw))
	}
	for _, b := range []*tab{log, page} {
		if eval[bool](b, `sessionStorage.getItem("left") === "yes"`) {
			t.Error("a page was loaded anew")
		}
	}
}

// differ answers where two texts begin to differ.
func differ(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// While the server answers 503, a page stays as it is, and goes on afterwards.
func TestPagesBearAServerThatIsNotReady(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	c := s.Start(run.ID, "test")
	s.Report(c, "", "", servertest.Running("unit", 0))
	s.Append(servertest.LogOf(c, "unit"), "hello\n", 0, false)
	browser := startBrowser(t)
	log, page := browser.open(t, s), browser.open(t, s)
	log.visit(logPage(run.ID, "test", "unit"))
	page.visit(fmt.Sprintf("/runs/%d", run.ID))
	for _, b := range []*tab{log, page} {
		b.until("the page is live", `document.getElementById("connection").dataset.state === "live"`)
		defer b.expect("net::ERR")
		defer b.expect("503")
		// A page that is loaded anew just as the server goes away is the browser's own, with styles of its own.
		defer b.expect("Applying inline style")
	}
	s.Stop()
	busy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":{"code":"unavailable","message":"a backup is being restored"}}`, http.StatusServiceUnavailable)
	}))
	if err := busy.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	busy.Listener = s.Listen()
	busy.Start()
	log.untilText("#connection", "reconnecting")
	page.untilText("#connection", "reconnecting")
	log.untilText("#log", "hello")
	page.untilText("#job-test .job", "running")
	busy.Close()
	s.Again()
	s.Append(servertest.LogOf(c, "unit"), "world\n", 0, false)
	log.untilText("#log", "hello\nworld")
	s.Report(c, plan.Failed, "exit code 1", servertest.Ended("unit", plan.Failed, "exit code 1", 0, time.Second, nil))
	page.untilText("#job-test .job", "failed")
}
