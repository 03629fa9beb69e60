package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
	"github.com/tutti-ci/tutti/server/servertest"
)

// chunk is what /log/lines and the event "log" carry.
type chunk struct {
	From, Total int64
	Finished    bool
	Lines       []struct{ Text string }
}

func immutable(a answer) bool { return strings.Contains(a.header.Get("Cache-Control"), "immutable") }

// liveText puts the lines of a stream together until it ends, as a viewer does, and answers them as text.
func liveText(t *testing.T, next func() event) string {
	t.Helper()
	lines := map[int64]string{}
	for {
		switch e := next(); e.name {
		case "end":
			var b strings.Builder
			for n := int64(1); n <= int64(len(lines)); n++ {
				b.WriteString(lines[n] + "\n")
			}
			return b.String()
		case "log":
			var c chunk
			if err := json.Unmarshal([]byte(e.data), &c); err != nil {
				t.Fatal(err)
			}
			for i, l := range c.Lines {
				lines[c.From+int64(i)] = l.Text
			}
		}
	}
}

// The end of an activity and the bytes of its log come to the server on two connections, so the end may be there first.
func TestTheTailOfALogMayComeAfterTheEndOfItsActivity(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit", "lint"))
	c := s.Start(run.ID, "test")
	id := servertest.LogOf(c, "unit")
	const begin, rest = "one\ntwo\nthr", "ee\nfour\n"
	s.Append(id, begin, 0, false)
	early := open(t, s, "GET", logPath(run.ID)+"?follow=1", "")
	defer early.Body.Close()
	s.Report(c, "", "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte(begin+rest)))

	late := open(t, s, "GET", logPath(run.ID)+"?follow=1", "")
	defer late.Body.Close()
	live := open(t, s, "GET", logPath(run.ID)+"/live", "")
	defer live.Body.Close()
	next := events(t, t.Context(), live.Body)
	linesPath := fmt.Sprintf("%s/lines?epoch=%d", logPath(run.ID), c.Epoch)
	before := do(t, s, "GET", linesPath, "")
	if got := decode[chunk](t, before); got.Finished || immutable(before) {
		t.Errorf("half a log has Cache-Control %q and is %s", before.header.Get("Cache-Control"), before.body)
	}
	s.Append(id, rest, 0, false)
	s.Finish(id)

	for name, body := range map[string]io.Reader{"before": early.Body, "after": late.Body} {
		if got, err := io.ReadAll(body); string(got) != begin+rest || err != nil {
			t.Errorf("a client that follows since %s the end of the activity got %q, %v", name, got, err)
		}
	}
	if got := liveText(t, next); got != begin+rest {
		t.Errorf("the live lines are %q", got)
	}
	after := do(t, s, "GET", linesPath, "")
	if got := decode[chunk](t, after); !got.Finished || !immutable(after) || len(got.Lines) != 4 || got.Lines[2].Text != "three" {
		t.Errorf("the whole log has Cache-Control %q and is %s", after.header.Get("Cache-Control"), after.body)
	}
}

func TestNobodyWaitsForALogThatWillNotCome(t *testing.T) {
	half := servertest.Ended("unit", plan.Failed, "exit code 1", 0, time.Second, []byte("half of it"))
	half.LogIncomplete = "the agent's disk was full"
	for name, report := range map[string]server.ActivityReport{
		"Skipped":      {Name: "unit", State: plan.Done, Result: plan.Skipped, Cause: "another one failed"},
		"MissingImage": {Name: "unit", State: plan.Done, Result: plan.Failed, Cause: "there is no such image"},
		"Incomplete":   half,
	} {
		t.Run(name, func(t *testing.T) {
			s := servertest.New(t)
			run := s.Run(servertest.NewJob("test", nil, "unit", "lint"))
			s.Report(s.Start(run.ID, "test"), "", "", report)
			checkOver(t, s, run.ID)
			if got := do(t, s, "GET", logPath(run.ID)+"/lines?epoch=1", ""); immutable(got) {
				t.Errorf("a log that is not finished has Cache-Control %q", got.header.Get("Cache-Control"))
			}
		})
	}
	t.Run("NeverStarted", func(t *testing.T) {
		s := servertest.New(t)
		run := s.Run(servertest.NewJob("test", nil, "unit"))
		if err := s.DB.Cancel(t.Context(), run.ID, "not wanted"); err != nil {
			t.Fatal(err)
		}
		checkOver(t, s, run.ID)
	})
}

func checkOver(t *testing.T, s *servertest.Server, run server.RunID) {
	t.Helper()
	got := do(t, s, "GET", logPath(run)+"/lines", "")
	if !decode[chunk](t, got).Finished {
		t.Fatalf("a log that nobody will write is %s", got.body) // and following it would never end
	}
	if got := do(t, s, "GET", logPath(run)+"?follow=1", ""); got.status != 200 || got.body != "" {
		t.Errorf("following it is %d %q", got.status, got.body)
	}
	live := open(t, s, "GET", logPath(run)+"/live", "")
	defer live.Body.Close()
	if got := liveText(t, events(t, t.Context(), live.Body)); got != "" {
		t.Errorf("its live lines are %q", got)
	}
}

func TestLongLinesComeInSeveralAnswers(t *testing.T) {
	s := servertest.New(t)
	const count = 300
	var log strings.Builder
	for i := range count {
		fmt.Fprintf(&log, "%04d%s\n", i, strings.Repeat("x", 16<<10-4))
	}
	run := s.Logged([]byte(log.String()))

	var read strings.Builder
	answers := 0
	for n := int64(1); n <= count; answers++ {
		got := do(t, s, "GET", fmt.Sprintf("%s/lines?epoch=1&from=%d&count=2000", logPath(run.ID), n), "")
		part := decode[chunk](t, got)
		if len(got.body) > 3<<20 || len(part.Lines) == 0 || part.Total != count || !immutable(got) {
			t.Fatalf("from line %d on came %d bytes with %d of %d lines", n, len(got.body), len(part.Lines), part.Total)
		}
		for _, l := range part.Lines {
			read.WriteString(l.Text + "\n")
		}
		n += int64(len(part.Lines))
	}
	if read.String() != log.String() || answers != 3 {
		t.Errorf("%d bytes came in %d answers, want %d in 3", read.Len(), answers, log.Len())
	}
	live := open(t, s, "GET", logPath(run.ID)+"/live?keep=1000", "")
	defer live.Body.Close()
	if got := liveText(t, events(t, t.Context(), live.Body)); got != log.String() {
		t.Errorf("%d bytes came live, want %d", len(got), log.Len())
	}
}

// Whoever reads a log that is not whole is told so, from its beginning and from its end on.
func TestALogThatIsNotWholeSaysSo(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	c := s.Start(run.ID, "test")
	id := servertest.LogOf(c, "unit")
	s.Append(id, "half of it\n", 0, false)
	if err := s.Logs.Abandon(id, "the agent's disk was full"); err != nil {
		t.Fatal(err)
	}
	const whole = "half of it\n"
	reader := &client.Client{Server: s.URL, Token: string(s.Auth.Admin)}
	for from, want := range map[int64]string{0: whole, int64(len(whole)): ""} {
		var got strings.Builder
		err := reader.Log(t.Context(), run.ID, "test", "unit", from, false, &got)
		if err == nil || !strings.Contains(err.Error(), "the agent's disk was full") || got.String() != want {
			t.Errorf("from byte %d on: %q, %v", from, &got, err)
		}
	}
}
