package api_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest"
)

// lostOnce is a run whose job was lost once, and runs again.
func lostOnce(s *servertest.Server) (run server.Run, first, second server.Claim) {
	j := servertest.NewJob("test", nil, "unit")
	j.Retries = plan.Retries{By: map[plan.Cause]int{plan.CauseLost: 1}}
	run = s.Run(j)
	first = s.Start(run.ID, "test")
	s.Report(first, "", "", servertest.Running("unit", 0))
	s.Append(servertest.LogOf(first, "unit"), "first of all\n", 0, false)
	s.Report(first, plan.Lost, "the host was rebooted")
	second = s.Start(run.ID, "test")
	s.Report(second, "", "", servertest.Running("unit", 0))
	s.Append(servertest.LogOf(second, "unit"), "second try\n", 0, false)
	return run, first, second
}

func TestLogsOfAttempts(t *testing.T) {
	s := servertest.New(t)
	run, first, second := lostOnce(s)
	s.Finish(servertest.LogOf(second, "unit"))
	s.Report(second, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte("second try\n")))
	for query, want := range map[string]string{fmt.Sprintf("epoch=%d", first.Epoch): "first of all\n", fmt.Sprintf("epoch=%d", second.Epoch): "second try\n", "x=y": "second try\n"} {
		if got := do(t, s, "GET", logPath(run.ID)+"?"+query, ""); got.body != want || got.header.Get("Tutti-Epoch") == "" {
			t.Errorf("with %s the log is %q, Tutti-Epoch %q", query, got.body, got.header.Get("Tutti-Epoch"))
		}
		if got := do(t, s, "GET", logPath(run.ID)+"?follow=1&"+query, ""); got.body != want {
			t.Errorf("with %s the followed log is %q", query, got.body)
		}
		if got := decode[chunk](t, do(t, s, "GET", logPath(run.ID)+"/lines?"+query, "")); got.Lines[0].Text+"\n" != want || !got.Finished {
			t.Errorf("with %s the lines are %+v", query, got)
		}
		if got := do(t, s, "GET", logPath(run.ID)+"/search?q=first&"+query, ""); strings.Contains(got.body, `"total":1`) != strings.Contains(want, "first") {
			t.Errorf("with %s a search finds %s", query, got.body)
		}
		live := open(t, s, "GET", logPath(run.ID)+"/live?"+query, "")
		defer live.Body.Close()
		if got := liveText(t, events(t, t.Context(), live.Body)); got != want {
			t.Errorf("with %s the live lines are %q", query, got)
		}
	}
	got := decode[server.Run](t, do(t, s, "GET", fmt.Sprintf("/api/v1/runs/%d", run.ID), ""))
	if a := got.Jobs[0].Attempts; len(a) != 1 || a[0].Cause != "the host was rebooted" || a[0].Activities[0].LogBytes != int64(len("first of all\n")) {
		t.Errorf("the attempts are %+v", a)
	}
}

// Who shows the current attempt is told when another one is.
func TestLiveTellsOfAnotherAttempt(t *testing.T) {
	s := servertest.New(t)
	run, first, second := lostOnce(s)
	live := open(t, s, "GET", fmt.Sprintf("%s/live?epoch=%d&latest=1", logPath(run.ID), first.Epoch), "")
	defer live.Body.Close()
	next := events(t, t.Context(), live.Body)
	if e := next(); e.data != fmt.Sprintf(`{"state":"done","result":"lost","epoch":%d}`, first.Epoch) {
		t.Errorf("the state is %+v", e)
	}
	if e := next(); e.name != "gone" {
		t.Errorf("then came %+v", e)
	}

	now := open(t, s, "GET", fmt.Sprintf("%s/live?epoch=%d&latest=1", logPath(run.ID), second.Epoch), "")
	defer now.Body.Close()
	next = events(t, t.Context(), now.Body)
	next()
	if e := next(); e.name != "log" {
		t.Errorf("of the current attempt came %+v", e)
	}
	s.Troubles.Set(server.Trouble{Kind: "logs", Text: "no space"})
	if e := next(); e.name != "troubles" {
		t.Errorf("of a trouble came %+v", e)
	}
}

// An offer that comes to nothing has an epoch, and never a log.
func TestFollowersGoOverToTheEpochThatRuns(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	epoch, err := s.DB.Offer(t.Context(), run.ID, "test", servertest.AgentID)
	if err != nil {
		t.Fatal(err)
	}
	follow := open(t, s, "GET", logPath(run.ID)+"?follow=1", "")
	defer follow.Body.Close()
	live := open(t, s, "GET", logPath(run.ID)+"/live?latest=1", "")
	defer live.Body.Close()
	next := events(t, t.Context(), live.Body)
	next()
	if err := s.DB.Return(t.Context(), server.Claim{Run: run.ID, Job: "test", Epoch: epoch}, "it was restarted"); err != nil {
		t.Fatal(err)
	}
	c := s.Start(run.ID, "test")
	s.Report(c, "", "", servertest.Running("unit", 0))
	s.Append(servertest.LogOf(c, "unit"), "hello\n", 0, false)
	s.Finish(servertest.LogOf(c, "unit"))
	s.Report(c, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte("hello\n")))
	if got, err := io.ReadAll(follow.Body); string(got) != "hello\n" || err != nil {
		t.Errorf("the follower got %q, %v", got, err)
	}
	if got := liveText(t, next); got != "hello\n" {
		t.Errorf("the live lines are %q", got)
	}
}

// A server that was killed may have less of a log than it had shown. What is missing comes again, and is sent once.
func TestReadersWaitForBytesThatComeAgain(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	c := s.Start(run.ID, "test")
	id := servertest.LogOf(c, "unit")
	s.Report(c, "", "", servertest.Running("unit", 0))
	s.Append(id, "one\n", 0, false)
	kept := filepath.Join(t.TempDir(), "kept")
	logs := filepath.Join(s.Folder(), "logs")
	s.Stop()
	if err := os.CopyFS(kept, os.DirFS(logs)); err != nil {
		t.Fatal(err)
	}
	s.Again()
	s.Append(id, "two\nthree\n", 0, false)
	s.Stop()
	if err := os.RemoveAll(logs); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(logs, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	s.Again()

	follow := open(t, s, "GET", logPath(run.ID)+"?follow=1&epoch=1", "", "Range", "bytes=14-")
	defer follow.Body.Close()
	live := open(t, s, "GET", logPath(run.ID)+"/live?epoch=1&latest=1&from=4", "")
	defer live.Body.Close()
	next := events(t, t.Context(), live.Body)
	next()
	s.Append(id, "two\nthree\n", 0, false)
	s.Append(id, "four\n", 0, false)
	e := next()
	if got := decode[chunk](t, answer{body: e.data}); e.name != "log" || got.From != 4 || got.Lines[0].Text != "four" {
		t.Errorf("the next event is %+v", e)
	}
	s.Finish(id)
	s.Report(c, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte("one\ntwo\nthree\nfour\n")))
	if got, err := io.ReadAll(follow.Body); string(got) != "four\n" || err != nil || follow.StatusCode != http.StatusPartialContent {
		t.Errorf("the follower got %d %q, %v", follow.StatusCode, got, err)
	}
	if got := do(t, s, "GET", logPath(run.ID)+"?follow=1", "", "Range", "bytes=99-"); got.status != http.StatusConflict || !strings.Contains(got.body, "ends at byte 19") {
		t.Errorf("what never comes again is answered with %d %s", got.status, got.body)
	}
}

func TestTroubles(t *testing.T) {
	s := servertest.New(t)
	if got := do(t, s, "GET", "/api/v1/troubles", ""); got.body != "{\"troubles\":[]}\n" {
		t.Errorf("a server without troubles answers %s", got.body)
	}
	s.Troubles.Set(server.Trouble{Kind: "logs", Text: "the disk is full", Since: time.Now(), Halts: true})
	s.Troubles.Set(server.Trouble{Kind: "restored", Text: "restored", Since: time.Now().Add(time.Second)})
	type troubles struct{ Troubles []server.Trouble }
	if got := decode[troubles](t, do(t, s, "GET", "/api/v1/troubles", "")).Troubles; len(got) != 2 || got[0].Kind != "logs" || !got[0].Halts {
		t.Errorf("the troubles are %+v", got)
	}
	if got := do(t, s, "GET", "/readyz", ""); got.body != "ready\ntrouble: logs, no new job starts\ntrouble: restored\n" {
		t.Errorf("readyz says %q", got.body)
	}
	if got := do(t, s, "GET", "/metrics", "").body; !strings.Contains(got, `tutti_trouble{halts="true",kind="logs"} 1`) {
		t.Error("the metrics have no trouble")
	}
	for kind, want := range map[string]int{"logs": http.StatusConflict, "restored": http.StatusNoContent} {
		if got := do(t, s, "POST", "/api/v1/troubles/"+kind+"/dismiss", ""); got.status != want {
			t.Errorf("dismissing %s answers %d %s", kind, got.status, got.body)
		}
	}
	if got := s.Troubles.All(); len(got) != 1 || got[0].Kind != "logs" {
		t.Errorf("left are %+v", got)
	}
}

// A reader that was somewhere where a restored server never was gets the history from its beginning.
func TestHistoryBeginsAnewForWhoIsAhead(t *testing.T) {
	s := servertest.New(t)
	run := s.Logged([]byte("hello\n"))
	resp := open(t, s, "GET", fmt.Sprintf("/api/v1/runs/%d/events", run.ID), "", "Last-Event-ID", "4711")
	defer resp.Body.Close()
	next := events(t, t.Context(), resp.Body)
	if e := next(); e.name != "reset" {
		t.Errorf("the first event is %+v", e)
	}
	if e := next(); e.id != "1" {
		t.Errorf("the second event is %+v", e)
	}
}
