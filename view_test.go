package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func TestPlainViewPrintsOneLogAfterTheOther(t *testing.T) {
	var out bytes.Buffer
	v := newPlainView(&out)
	first, second := v.Log("test", "unit"), v.Log("vet", "vet")
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
	first, second := v.Log("a", "a"), v.Log("b", "b")
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
	log := v.Log("test", "unit")
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
