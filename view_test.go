package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func TestPlainViewPrintsOneLogAfterTheOther(t *testing.T) {
	var out bytes.Buffer
	v := newPlainView(&out)
	first, second := v.Log("test", "unit", 1), v.Log("vet", "vet", 1)
	say(t, second, "second 1\n")
	say(t, first, "first 1\n")
	if got := out.String(); got != "==> test/unit\nfirst 1\n" {
		t.Fatalf("the first log is not live, or not alone: %q", got)
	}
	say(t, second, "second, no line break")
	closeLog(t, second)
	say(t, first, "first 2\n")
	closeLog(t, first)
	want := "==> test/unit\nfirst 1\nfirst 2\n==> vet/vet\nsecond 1\nsecond, no line break\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlainViewHoldsBackALogThatWaitsTooLong(t *testing.T) {
	var out bytes.Buffer
	v := newPlainView(&out)
	first, second := v.Log("a", "a", 1), v.Log("b", "b", 1)
	big := strings.Repeat("x", spoolLimit)
	say(t, second, big)
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(second, "tail")
		written <- err
	}()
	closeLog(t, first) // gives the second its turn, and so lets the write go on
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	closeLog(t, second)
	if want := "==> a/a\n==> b/b\n" + big + "tail\n"; out.String() != want {
		t.Errorf("%d bytes were printed, want %d", out.Len(), len(want))
	}
}

func TestTerminalViewPrefixesLinesAndShowsWhatRuns(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	v := newTerminalView(&out, func() int { return 40 }, func() time.Time { return now })
	v.Changed(server.Change{Kind: "activity", Job: "test", Activity: "unit", State: plan.Running})
	now = now.Add(83 * time.Second)
	log := v.Log("test", "unit", 1)
	say(t, log, "10%\r100%\r\nhalf a")
	say(t, log, " line\n\x1b[31mred\x1b[0m\x1b[2J\x1b]0;title\x07\x1b[A plain\n")
	v.Finish()
	plain := escapes.ReplaceAllString(out.String(), "")
	for _, want := range []string{"test/unit │ 100%\n", "test/unit │ half a line\n", "test/unit │ red plain\n", "1m23s test/unit"} {
		if !strings.Contains(plain, want) {
			t.Errorf("%q is not in %q", want, plain)
		}
	}
	for _, bad := range []string{"\x1b[2J", "title", "\x1b[A"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("a log could send %q to the terminal", bad)
		}
	}
}

func TestTerminalViewKeepsProgressOnOneLine(t *testing.T) {
	var out bytes.Buffer
	v := newTerminalView(&out, func() int { return 20 }, time.Now)
	v.Changed(server.Change{Kind: "activity", Job: strings.Repeat("j", 30), Activity: "a", State: plan.Running})
	for line := range strings.SplitSeq(escapes.ReplaceAllString(out.String(), ""), "\r") {
		if n := len([]rune(line)); n > 19 {
			t.Errorf("the progress line is %d columns wide on a terminal of 20: %q", n, line)
		}
	}
}

func TestViewsTellWhatNoLogTells(t *testing.T) {
	now := time.Now()
	jobs := []server.Job{
		{Name: "test", Kind: plan.KindMatrix, State: plan.Running},
		{Name: "test.1", Of: "test", Matrix: []plan.Value{{Name: "go", Value: []byte(`"1.26"`)}}},
		{Name: "release", Kind: plan.KindApproval, State: plan.Waiting, Approval: &server.Approval{Approvers: []string{"group:managers"}, Message: "Ship?\n\x1b[2JYes", AskedAt: &now}},
		{Name: "later", Kind: plan.KindApproval, State: plan.Waiting, Approval: &server.Approval{Message: "And then?"}},
		{Name: "done", Kind: plan.KindApproval, State: plan.Done, Result: plan.Passed, Approval: &server.Approval{By: "dana", Comment: "go", AskedAt: &now, At: &now}},
	}
	changes := []server.Change{
		{Run: 7, Kind: "run", State: plan.Waiting, WaitsFor: "run 6 (group deploy)"},
		{Run: 7, Kind: "job", Job: "test.1", State: plan.Queued},
		{Run: 7, Kind: "job", Job: "later", State: plan.Waiting, WaitsFor: "test"},
		{Run: 7, Kind: "job", Job: "release", State: plan.Waiting, WaitsFor: "approval by group:managers: Ship?"},
		{Run: 7, Kind: "job", Job: "done", State: plan.Done, Result: plan.Passed},
		{Run: 7, Kind: "job", Job: "off", State: plan.Done, Result: plan.Skipped, Cause: "when is false: false"},
	}
	want := []string{
		"release: waits for approval by group:managers: Ship? … (tutti approve 7 release, or tutti reject)\n",
		"done: approved by dana: go\n", "off: skipped: when is false: false\n", "test (go 1.26)/unit",
	}
	var plain, terminal bytes.Buffer
	for _, v := range []view{newPlainView(&plain), newTerminalView(&terminal, func() int { return 200 }, time.Now)} {
		v.Jobs(jobs)
		for _, ch := range changes {
			v.Changed(ch)
		}
		log := v.Log("test.1", "unit", 1)
		say(t, log, "hello\n")
		closeLog(t, log)
	}
	terminalText := strings.ReplaceAll(escapes.ReplaceAllString(terminal.String(), ""), " │ ", ": ")
	for _, text := range []string{plain.String(), terminalText} {
		for _, w := range append(want, "waiting for run 6 (group deploy)") {
			if !strings.Contains(text, w) {
				t.Errorf("%q is not in\n%s", w, text)
			}
		}
		if strings.Contains(text, "And then?") || strings.Contains(text, "[2J") {
			t.Errorf("what is not asked yet is shown, or a message steers the terminal:\n%q", text)
		}
	}
}

func TestPlainViewPutsNoNewsIntoALog(t *testing.T) {
	var out bytes.Buffer
	v := newPlainView(&out)
	log := v.Log("a", "a", 1)
	say(t, log, "half a")
	v.Changed(server.Change{Kind: "job", Job: "b", State: plan.Done, Result: plan.Skipped, Cause: "needs x, which failed"})
	say(t, log, " line\n")
	closeLog(t, log)
	if want := "==> a/a\nhalf a line\n==> b: skipped: needs x, which failed\n"; out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestSummary(t *testing.T) {
	at := func(s int) *time.Time { at := time.Unix(int64(s), 0); return &at }
	ended := func(name string, r plan.Result, cause string) server.Activity {
		return server.Activity{Name: name, State: plan.Done, Result: r, Cause: cause, StartedAt: at(1), FinishedAt: at(3)}
	}
	flaky := ended("unit", plan.Passed, "")
	flaky.Tries = []server.Try{{Cause: "exit code 1"}, {Cause: "timeout of 1s exceeded"}}
	go126 := []plan.Value{{Name: "go", Value: []byte(`"1.26"`)}}
	run := server.Run{ID: 7, State: plan.Done, Result: plan.Failed, CreatedAt: *at(0), FinishedAt: at(60), Jobs: []server.Job{
		{Name: "test", Kind: plan.KindMatrix, Result: plan.Passed, StartedAt: at(1), FinishedAt: at(50)},
		{Name: "test.1", Of: "test", Matrix: go126, Result: plan.Passed, StartedAt: at(0), FinishedAt: at(3), Activities: []server.Activity{flaky}},
		{Name: "soak", Kind: plan.KindMatrix, Result: plan.Skipped, Cause: "when is false: false"},
		{Name: "soak.1", Of: "soak", Matrix: go126, Result: plan.Skipped, Activities: []server.Activity{{Name: "run", Result: plan.Skipped}}},
		{Name: "lint", Result: plan.Warned, StartedAt: at(1), FinishedAt: at(3), Activities: []server.Activity{ended("vet", plan.Warned, "exit code 2")}},
		{Name: "release", Kind: plan.KindApproval, Result: plan.Passed, FinishedAt: at(50), Approval: &server.Approval{AskedAt: at(10), By: "dana", Comment: "go"}},
		{Name: "db", Result: plan.Failed, Cause: "services do not run yet", Activities: []server.Activity{{Name: "migrate", Result: plan.Skipped}}},
	}}
	var out bytes.Buffer
	summarise(&out, run, "", false)
	want := `
run 7 failed
  test (go 1.26)/unit        2s  passed (try 3, after exit code 1; timeout of 1s exceeded)
  soak                        -  skipped: when is false: false
  lint/vet                   2s  warned: exit code 2
  release                   40s  approved by dana: go
  db/migrate                  -  skipped
  db                          -  failed: services do not run yet
1m0s from start to end; of all jobs together 4s ran scripts, 1s made containers and moved files, 0s waited for a free place on an agent, 40s waited for people
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the summary (-want +got):\n%s", diff)
	}
}

// escapes are what the view itself writes to steer the terminal.
var escapes = regexp.MustCompile(`\x1b\[[0-9;]*[mK]`)

func say(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func closeLog(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
