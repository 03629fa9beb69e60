package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
	"github.com/tutti-ci/tutti/server/servertest"
)

func retried() plan.Job {
	j := servertest.NewJob("test", nil, "unit")
	j.Retries = plan.Retries{By: map[plan.Cause]int{plan.CauseLost: 1}}
	return j
}

func clientOf(s *servertest.Server) *client.Client {
	return &client.Client{Server: s.URL, Token: string(s.Auth.Admin)}
}

// followed follows something of a run until its end.
func followed(t *testing.T, do func(ctx context.Context) error) (wait func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	return func() {
		t.Helper()
		defer cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

const twoAttempts = `==> test/unit
one
==> test: queued again: attempt 1 of 2 was lost on agent lin-07: the host was rebooted
==> test/unit (attempt 2)
two
`

func TestAttemptsAreFollowedOneAfterTheOther(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(retried())
	c := clientOf(s)
	var plain, terminal, raw, said words
	views := []func(){
		followed(t, func(ctx context.Context) error { _, err := follow(ctx, c, run.ID, newPlainView(&plain)); return err }),
		followed(t, func(ctx context.Context) error {
			_, err := follow(ctx, c, run.ID, newTerminalView(&terminal, func() int { return 80 }, time.Now))
			return err
		}),
		followed(t, func(ctx context.Context) error {
			return printLogs(ctx, console{Out: &raw, Err: &said}, c, run.ID, logOptions{What: "test/unit", Follow: true})
		}),
	}
	first := s.Start(run.ID, "test")
	s.Report(first, "", "", servertest.Running("unit", 0))
	s.Append(servertest.LogOf(first, "unit"), "one\n", 0, false)
	for _, b := range []*words{&plain, &terminal, &raw} {
		b.until(t, "one")
	}
	s.Report(first, plan.Lost, "the host was rebooted")
	second := s.Start(run.ID, "test")
	s.Report(second, "", "", servertest.Running("unit", 0))
	s.Append(servertest.LogOf(second, "unit"), "two\n", 0, false)
	s.Finish(servertest.LogOf(second, "unit"))
	s.Report(second, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte("two\n")))
	for _, wait := range views {
		wait()
	}
	if diff := cmp.Diff(twoAttempts, plain.String()); diff != "" {
		t.Errorf("to a pipe (-want +got):\n%s", diff)
	}
	if got := escapes.ReplaceAllString(terminal.String(), ""); !strings.Contains(got, "test/unit (attempt 2) │ two") || strings.Count(got, "│ one") != 1 {
		t.Errorf("to a terminal:\n%s", got)
	}
	if raw.String() != "one\ntwo\n" || !strings.Contains(said.String(), "attempt 2 of test/unit") || !strings.Contains(said.String(), "attempt 1 of 2 was lost") {
		t.Errorf("the log alone is %q, and beside it is said\n%s", raw.String(), said.String())
	}

	var again bytes.Buffer
	if _, err := follow(t.Context(), c, run.ID, newPlainView(&again)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(twoAttempts, again.String()); diff != "" {
		t.Errorf("read afterwards (-want +got):\n%s", diff)
	}
	for want, opts := range map[string]logOptions{
		"one\n":                            {What: "test/unit", Attempt: 1},
		"two\n":                            {What: "test/unit"},
		"==> test/unit (attempt 2)\ntwo\n": {What: "test", Attempt: 2},
		"==> test/unit\none\n":             {What: "test", Attempt: 1},
		"run 1 has 2 attempts":             {What: "test", Attempt: 3},
		"==> test: queued again: attempt 1 of 2 was lost on agent lin-07: the host was rebooted\n==> test/unit (attempt 2)\ntwo\n": {What: "test", Follow: true},
	} {
		var out bytes.Buffer
		got := ""
		if err := printLogs(t.Context(), console{Out: &out, Err: io.Discard}, c, run.ID, opts); err != nil {
			got = err.Error()
		}
		got += out.String()
		if !strings.HasSuffix(got, want) || len(got) > len(want)+20 {
			t.Errorf("%+v gives %q, want %q", opts, got, want)
		}
	}
	ended, err := c.Run(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	var summary bytes.Buffer
	summarise(&summary, ended, "", false)
	if !strings.Contains(summary.String(), "lost: on agent lin-07: the host was rebooted") {
		t.Errorf("the summary does not tell of the first attempt:\n%s", summary.String())
	}
}

// A reader misses nothing and sees nothing twice while its connection is cut again and again, and the server goes and comes.
func TestFollowingSurvivesTheServer(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	job := s.Start(run.ID, "test")
	id := servertest.LogOf(job, "unit")
	s.Report(job, "", "", servertest.Running("unit", 0))
	c := clientOf(s)
	var watched, raw words
	waits := []func(){
		followed(t, func(ctx context.Context) error { _, err := follow(ctx, c, run.ID, newPlainView(&watched)); return err }),
		followed(t, func(ctx context.Context) error { return c.Log(ctx, run.ID, "test", "unit", 0, true, &raw) }),
	}
	var log strings.Builder
	for i := range 40 {
		text := fmt.Sprintf("line %d\n", i)
		log.WriteString(text)
		s.Append(id, text, time.Second, false)
		switch {
		case i%4 == 1:
			watched.until(t, text)
			s.Cut()
		case i%10 == 8:
			raw.until(t, text)
			s.Stop()
			time.Sleep(200 * time.Millisecond)
			s.Again()
		}
	}
	s.Finish(id)
	s.Report(job, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte(log.String())))
	for _, wait := range waits {
		wait()
	}
	if raw.String() != log.String() {
		t.Errorf("the log was read as\n%s", raw.String())
	}
	if want := "==> test/unit\n" + log.String(); watched.String() != want {
		t.Errorf("the run was read as\n%s", watched.String())
	}
}

// A server that was restored from a backup tells a history that readers know in part.
func TestFollowingSurvivesARestore(t *testing.T) {
	src := &restoredSource{lateSource: lateSource{asked: 1}}
	var out bytes.Buffer
	if _, err := follow(t.Context(), src, 1, newPlainView(&out)); err != nil {
		t.Fatal(err)
	}
	if want := "==> list/list\nlog of list/list\n==> test (go 1.26)/unit\nlog of test.1/unit\n"; out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

type restoredSource struct{ lateSource }

func (s *restoredSource) Changes(ctx context.Context, id server.RunID, after int64, change func(server.Change) error) error {
	for range 2 {
		if err := s.lateSource.Changes(ctx, id, after, change); err != nil {
			return err
		}
	}
	return nil
}

func TestListsTellOfTroubles(t *testing.T) {
	s := servertest.New(t)
	s.Logged([]byte("hello\n"))
	s.Troubles.Set(server.Trouble{Kind: "database", Text: "the disk of the database is full", Since: time.Now(), Halts: true})
	if err := s.DB.NoteAgent(t.Context(), servertest.AgentID, "its data folder was copied"); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]string{"runs": "Fix retry", "agents": "its data folder was copied"} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), []string{command, "--server", s.URL, "--token", string(s.Auth.Admin)}, console{Out: &out, Err: &errs})
		said := errs.String()
		if code != exitOK || !strings.Contains(out.String(), want) || strings.Count(said, "\n") != 1 ||
			!strings.HasPrefix(said, "tutti: trouble (database, no new job starts) since ") || !strings.Contains(said, "the disk of the database is full") {
			t.Errorf("%s ends with %d, prints\n%s\nand says\n%s", command, code, out.String(), said)
		}
	}
}
