// Package enginetest holds the suite that every executor.Engine passes, a Fake that passes it without containers, and
// the helpers of both. It is for tests only.
package enginetest

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// Subject is an engine under test. Its grace should be about 300 ms.
type Subject struct {
	Engine executor.Engine
	Image  string // with a shell and the usual small programs
	// Next answers the engine of the agent's next process.
	Next func() executor.Engine
	// Lose ends and removes all that runs, behind the engines' backs; not what it made.
	Lose func()
}

// Run runs the suite. Each test gets a Subject of its own.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"Processes":    testProcesses,
		"Streams":      testStreams,
		"Bytes":        testBytes,
		"Live":         testLive,
		"Workspace":    testWorkspace,
		"CutWorkspace": testCutWorkspace,
		"LeftBehind":   testLeftBehind,
		"Term":         testTerm,
		"Kill":         testKill,
		"Early":        testEarly,
		"MissingImage": testMissingImage,
		"CloseUnused":  testCloseUnused,
		"AfterMissing": testAfterMissingImage,
		"AfterCancel":  testAfterCancel,
		"LateImage":    testLateImage,
		"Workdir":      testWorkdir,
		"Outputs":      testOutputs,
		"FreshOutputs": testFreshOutputs,
		"OddOutputs":   testOddOutputs,
		"Masks":        testMasks,
		"MaskedPieces": testMaskedPieces,
		"SecretOutput": testSecretOutput,
		"Tries":        testTries,
	} {
		t.Run(name, func(t *testing.T) { test(t, subject(t)) })
	}
	for name, test := range adoption {
		t.Run(name, func(t *testing.T) { test(t, subject(t)) })
	}
}

func testProcesses(t *testing.T, s Subject) {
	env := map[string]string{"GREETING": "grüezi  mitenand\n$HOME"}
	cases := []struct {
		activity plan.Activity
		code     int
		signal   string
		reason   string
		text     string
	}{
		{plan.Activity{Name: "passes", Script: "echo hello"}, 0, "", "", "hello\n"},
		{plan.Activity{Name: "exits", Script: "exit 3"}, 3, "", "", ""},
		{plan.Activity{Name: "stops-at-first-error", Script: "false\necho not here"}, 1, "", "", ""},
		{plan.Activity{Name: "segfaults", Script: "kill -SEGV $$"}, 139, "SIGSEGV", "", ""},
		{plan.Activity{Name: "sees-env", Script: `printf %s "$GREETING"`, Env: env}, 0, "", "", env["GREETING"]},
		{plan.Activity{Name: "runs-command", Command: []string{"echo", "a  b", "$HOME"}}, 0, "", "", "a  b $HOME\n"},
		{plan.Activity{Name: "runs-itself", Shell: plan.ShellNone, Script: "#!/bin/sh\necho itself"}, 0, "", "", "itself\n"},
		{plan.Activity{Name: "has-no-command", Command: []string{"no-such-command"}}, 127, "", "the command no-such-command is not in the image", ""},
		{plan.Activity{Name: "has-empty-stdin", Script: "cat"}, 0, "", "", ""},
	}
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "processes"}}
	for _, c := range cases {
		c.activity.Image = s.Image
		spec.Job.Activities = append(spec.Job.Activities, c.activity)
	}
	room := Open(t, s.Engine, spec)
	for i, c := range cases {
		spool := NewSpool(t)
		exit, err := room.Run(t.Context(), executor.Step{Activity: spec.Job.Activities[i]}, spool.Output())
		if err != nil {
			t.Fatalf("%s: %v", c.activity.Name, err)
		}
		if exit.Code != c.code || exit.Signal != c.signal || !strings.HasPrefix(exit.Reason, c.reason) || (exit.Reason == "") != (c.reason == "") {
			t.Errorf("%s: exit %d, signal %q, reason %q", c.activity.Name, exit.Code, exit.Signal, exit.Reason)
		}
		if spool.Text() != c.text {
			t.Errorf("%s: log %q", c.activity.Name, spool.Text())
		}
		if c.reason == "" && (exit.Started.IsZero() || exit.Finished.Before(exit.Started)) {
			t.Errorf("%s: ran from %v to %v", c.activity.Name, exit.Started, exit.Finished)
		}
	}
}

func testStreams(t *testing.T, s Subject) {
	// Each stream waits for the other, or the order of their arrival would be anybody's guess.
	spec := Script(s.Image, "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three")
	spool := NewSpool(t)
	exit, err := Open(t, s.Engine, spec).Run(t.Context(), only(spec), spool.Output())
	if err != nil {
		t.Fatal(err)
	}
	spool.checkAgainst(exit)
	marks := spool.Marks()
	if spool.Text() != "one\ntwo\nthree\n" || len(marks) != 3 || marks[0].Stderr || !marks[1].Stderr || marks[2].Stderr {
		t.Errorf("log %q, marks %+v", spool.Text(), marks)
	}
	if gap := marks[2].At - marks[0].At; gap < 150*time.Millisecond || gap > 5*time.Second {
		t.Errorf("the last line came %v after the first", gap)
	}
}

func testBytes(t *testing.T, s Subject) {
	var all strings.Builder
	for i := range 256 {
		all.WriteByte(byte(i))
	}
	spec := Script(s.Image, `cat bytes; head -c 10000000 /dev/zero | tr '\000' x`)
	spec.Workspace = func(context.Context) (*os.File, error) {
		return tarStream(t, map[string]string{"bytes": all.String()}), nil
	}
	_, texts := RunAll(t, Open(t, s.Engine, spec), spec.Job)
	if want := all.String() + strings.Repeat("x", 10_000_000); texts[0] != want {
		t.Errorf("the log has %d bytes instead of %d, or other ones", len(texts[0]), len(want))
	}
}

func testLive(t *testing.T, s Subject) {
	spec := Script(s.Image, "echo early; sleep 60")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	spool := NewSpool(t)
	room := Open(t, s.Engine, spec)
	done := make(chan error, 1)
	go func() {
		_, err := room.Run(ctx, only(spec), spool.Output())
		done <- err
	}()
	spool.AwaitBytes(6) // while the process runs
	cause := errors.New("enough")
	cancel(cause)
	if err := <-done; !errors.Is(err, cause) {
		t.Errorf("Run answers %v", err)
	}
}

func testWorkspace(t *testing.T, s Subject) {
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "workspace", Activities: []plan.Activity{
		{Name: "reads", Image: s.Image, Script: "cat src/deep/file; ./tool; echo new > made"},
		{Name: "shares", Image: s.Image, Script: "cat made"},
	}}}
	calls := 0
	spec.Workspace = func(context.Context) (*os.File, error) {
		calls++
		return tarStream(t, map[string]string{"src/deep/file": "content\n", "tool": "#!/bin/sh\necho tool\n"}), nil
	}
	_, texts := RunAll(t, Open(t, s.Engine, spec), spec.Job)
	if texts[0] != "content\ntool\n" || texts[1] != "new\n" || calls != 1 {
		t.Errorf("logs %q after %d calls", texts, calls)
	}
}

func testCutWorkspace(t *testing.T, s Subject) {
	spec := Script(s.Image, "true")
	spec.Workspace = func(context.Context) (*os.File, error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		go func() { // ends with the reader at the latest
			_ = tar.NewWriter(w).WriteHeader(&tar.Header{Name: "half", Size: 10, Mode: 0o644})
			_ = w.Close()
		}()
		return r, nil
	}
	_, err := Open(t, s.Engine, spec).Run(t.Context(), only(spec), NewSpool(t).Output())
	if err == nil {
		t.Error("an activity ran in half a workspace")
	}
}

func testLeftBehind(t *testing.T, s Subject) {
	spec := Script(s.Image, "(sleep 1; echo late) & echo now")
	began := time.Now()
	_, texts := RunAll(t, Open(t, s.Engine, spec), spec.Job)
	if texts[0] != "now\n" {
		t.Errorf("log %q", texts[0])
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func testTerm(t *testing.T, s Subject) {
	exit, text, err := cancelAfter(t, s, "trap 'echo bye; exit 7' TERM; echo ready; while true; do sleep 0.02; done")
	// A shell may say a word of its own about the sleep that was ended with it.
	if exit.Code != 7 || !strings.HasPrefix(text, "ready\n") || !strings.Contains(text, "bye\n") || !errors.Is(err, executor.Canceled{Reason: "by a test"}) {
		t.Errorf("exit %+v, log %q, error %v", exit, text, err)
	}
}

func testKill(t *testing.T, s Subject) {
	exit, text, err := cancelAfter(t, s, "trap '' TERM; echo ready; while true; do sleep 0.02; done")
	if exit.Signal != "SIGKILL" || exit.Code != 137 || text != "ready\n" || !errors.Is(err, executor.Canceled{Reason: "by a test"}) {
		t.Errorf("exit %+v, log %q, error %v", exit, text, err)
	}
}

// cancelAfter cancels a script that has said "ready".
func cancelAfter(t *testing.T, s Subject, script string) (executor.Exit, string, error) {
	t.Helper()
	spec := Script(s.Image, script)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	room, spool := Open(t, s.Engine, spec), NewSpool(t)
	type answer struct {
		exit executor.Exit
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		exit, err := room.Run(ctx, only(spec), spool.Output())
		done <- answer{exit, err}
	}()
	spool.AwaitBytes(int64(len("ready\n")))
	cancel(executor.Canceled{Reason: "by a test"})
	a := <-done
	spool.checkAgainst(a.exit)
	return a.exit, spool.Text(), a.err
}

func testEarly(t *testing.T, s Subject) {
	spec := Script(s.Image, "echo never")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(executor.Canceled{Reason: "by a test"})
	spool := NewSpool(t)
	exit, err := Open(t, s.Engine, spec).Run(ctx, only(spec), spool.Output())
	if !errors.Is(err, executor.Canceled{Reason: "by a test"}) || !exit.Started.IsZero() || spool.Text() != "" {
		t.Errorf("exit %+v, log %q, error %v", exit, spool.Text(), err)
	}
}

func testMissingImage(t *testing.T, s Subject) {
	spec := Script(MissingImage, "true")
	_, err := Open(t, s.Engine, spec).Run(t.Context(), only(spec), NewSpool(t).Output())
	var image *executor.ImageError
	if !errors.As(err, &image) || image.Image != MissingImage || image.Err == nil {
		t.Errorf("Run answers %v", err)
	}
}

func testCloseUnused(t *testing.T, s Subject) {
	Open(t, s.Engine, Script(s.Image, "true")) // is closed at once
}

// only answers the one activity of a job.
func only(spec executor.RoomSpec) executor.Step {
	return executor.Step{Activity: spec.Job.Activities[0]}
}

// tarStream answers a stream of files, all of them executable.
func tarStream(t testing.TB, files map[string]string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the reader at the latest
		defer w.Close()
		stream := tar.NewWriter(w)
		for name, content := range files {
			_ = stream.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o755})
			_, _ = io.WriteString(stream, content)
		}
		_ = stream.Close()
	}()
	return r
}
