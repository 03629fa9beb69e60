package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/enginetest"
	"github.com/tutti-ci/tutti/server"
)

func TestJob(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	h.agent(t.TempDir(), h.url)
	id := h.start("cat README", "echo oops >&2; exit 3", "echo never")
	run := h.until(id, "done", isDone)

	job := run.Jobs[0]
	if run.Result != plan.Failed || job.Result != plan.Failed || job.Cause != "a1: exit code 3" || job.Agent != "host" {
		t.Errorf("the job ended %s (%s) on %s", job.Result, job.Cause, job.Agent)
	}
	texts := []string{"app at c0ffee\n", "oops\n", ""}
	results := []plan.Result{plan.Passed, plan.Failed, plan.Skipped}
	for i, a := range job.Activities {
		got := h.log(id, job.Epoch, a.Name)
		sum := sha256.Sum256([]byte(got))
		if a.Result != results[i] || got != texts[i] || a.LogBytes != int64(len(got)) || a.LogIncomplete != "" {
			t.Errorf("activity %d: %s, log %q, %+v", i, a.Result, got, a)
		}
		if i < 2 && (a.LogSHA256 != hex.EncodeToString(sum[:]) || a.StartedAt == nil || a.FinishedAt == nil) {
			t.Errorf("activity %d: %+v", i, a)
		}
	}
	lines, _, err := h.logs.Lines(server.LogID{Run: id, Job: "test", Epoch: job.Epoch, Activity: "a1"}, 1, 9)
	if err != nil || len(lines) != 1 || !lines[0].Stderr {
		t.Errorf("the marks did not arrive: %+v (%v)", lines, err)
	}
}

// TestCutConnection cuts the connection again and again while a job writes, and wants the same bytes all the same.
func TestCutConnection(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	c := h.cutter()
	h.agent(t.TempDir(), c.url())
	const script = `i=0; while [ $i -lt 60000 ]; do echo "line $i of a log that is long enough to be cut"; i=$((i+1)); done; [ -f stop ] || sleep 1.2; echo end`
	id := h.start(script, script)

	log := server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}
	heard, stop := h.logs.Listen(log)
	defer stop()
	for cuts, next := 0, int64(1); cuts < 3; {
		select {
		case <-heard:
		case <-time.After(20 * time.Second):
			t.Fatal("the log does not grow")
		}
		info, err := h.logs.Info(log)
		if err != nil {
			t.Fatal(err)
		}
		if info.Finished {
			break
		}
		if info.Bytes >= next {
			c.cut()
			cuts, next = cuts+1, info.Bytes+500_000
		}
	}
	run := h.until(id, "done", isDone)
	if run.Result != plan.Passed {
		t.Fatalf("the run ended %s: %+v", run.Result, run.Jobs)
	}
	var want strings.Builder
	for i := range 60000 {
		fmt.Fprintf(&want, "line %d of a log that is long enough to be cut\n", i)
	}
	want.WriteString("end\n")
	for _, a := range run.Jobs[0].Activities {
		if got := h.log(id, 1, a.Name); got != want.String() || a.LogIncomplete != "" {
			t.Errorf("the log of %s differs: %d bytes, want %d (%s)", a.Name, len(got), want.Len(), a.LogIncomplete)
		}
	}
	agents, err := h.db.Agents(t.Context())
	if err != nil || len(agents) != 1 || agents[0].Session < 2 {
		t.Errorf("the connection was not cut: %+v (%v)", agents, err)
	}
}

func TestCancel(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	h.agent(t.TempDir(), h.url)
	id := h.start("echo begun; exec sleep 60", "echo never")
	h.until(id, "running", func(r server.Run) bool { return r.Jobs[0].Activities[0].State == plan.Running })
	if err := h.db.Cancel(t.Context(), id, "canceled by dana"); err != nil {
		t.Fatal(err)
	}
	run := h.until(id, "done", isDone)
	if run.Result != plan.Canceled || run.Jobs[0].Activities[0].Result != plan.Canceled || run.Jobs[0].Cause != "canceled by dana" {
		t.Errorf("the job ended %s (%s)", run.Jobs[0].Result, run.Jobs[0].Cause)
	}
}

// TestCancelWhileAway cancels a job while its agent has no connection.
func TestCancelWhileAway(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	c := h.cutter()
	h.agent(t.TempDir(), c.url())
	id := h.start("echo begun; exec sleep 60")
	h.until(id, "running", func(r server.Run) bool { return r.Jobs[0].Activities[0].State == plan.Running })
	waitFor(t, h, server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}, 6) // or the cut hits its workspace
	c.cut()
	if err := h.db.Cancel(t.Context(), id, "canceled by dana"); err != nil {
		t.Fatal(err)
	}
	if run := h.until(id, "done", isDone); run.Result != plan.Canceled {
		t.Errorf("the run ended %s", run.Result)
	}
}

func TestAgentStops(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	stop := h.agent(t.TempDir(), h.url)
	id := h.start("echo begun; exec sleep 60")
	h.until(id, "running", func(r server.Run) bool { return r.Jobs[0].Activities[0].State == plan.Running })
	waitFor(t, h, server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}, 6)
	stop()
	run, err := h.db.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if run.Result != plan.Lost || !strings.Contains(run.Jobs[0].Cause, "the agent was stopped") {
		t.Errorf("the job is %s (%s)", run.Jobs[0].Result, run.Jobs[0].Cause)
	}
	if got := h.log(id, 1, "a0"); got != "begun\n" {
		t.Errorf("the log reads %q", got)
	}
	h.close() // waits for the session to end
}

// TestServerRestarts ends the server while a job runs, and starts another on the same data at the same address.
func TestServerRestarts(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, 0)
	c := first.cutter()
	agentDir := t.TempDir()
	stopAgent := first.agent(agentDir, c.url())
	id := first.start(`for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo $i; sleep 0.1; done`)
	first.until(id, "running", func(r server.Run) bool { return r.Jobs[0].Activities[0].State == plan.Running })
	first.close()
	second := open(t, dir, 0)
	c.retarget(strings.TrimPrefix(second.url, "http://"))
	run := second.until(id, "done", isDone)
	if run.Result != plan.Passed || run.Jobs[0].Epoch != 1 {
		t.Errorf("the run ended %s (%s)", run.Result, run.Jobs[0].Cause)
	}
	if got := second.log(id, 1, "a0"); got != "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n" {
		t.Errorf("the log reads %q", got)
	}
	stopAgent()
}

// TestAgentStaysAway ends an agent without a word, which here means that its connection is cut and comes to nothing.
func TestAgentStaysAway(t *testing.T) {
	h := open(t, t.TempDir(), 300*time.Millisecond)
	c := h.cutter()
	h.agent(t.TempDir(), c.url())
	id := h.start("echo begun; exec sleep 60")
	h.until(id, "running", func(r server.Run) bool { return r.Jobs[0].Activities[0].State == plan.Running })
	log := server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}
	waitFor(t, h, log, 6)
	c.retarget("127.0.0.1:1")
	c.cut()
	if cause := h.lost(id); cause != "agent host was not heard of for 300ms" {
		t.Errorf("it was lost because %s", cause)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got strings.Builder
	if err := h.logs.Follow(ctx, log, 0, &got); err != nil || got.String() != "begun\n" {
		t.Errorf("who follows the log has %q (%v)", got.String(), err)
	}
	// It comes back, and is told that the job is over.
	c.retarget(strings.TrimPrefix(h.url, "http://"))
	second := h.start("echo fine")
	if run := h.until(second, "done", isDone); run.Result != plan.Passed {
		t.Errorf("the next run ended %s", run.Result)
	}
}

// TestAgentWithoutItsRoom ends an agent as a crash does, with the room of its job: another process goes on with what is on disk.
func TestAgentWithoutItsRoom(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	c := h.cutter()
	dir := t.TempDir()
	h.agent(dir, c.url())
	id := h.start("echo first", "echo begun; echo more; exec sleep 60", "echo never")
	waitFor(t, h, server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a1"}, 11)
	c.retarget("127.0.0.1:1") // nobody hears of the first process again
	c.cut()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	spool := filepath.Join(copied, "spool", fmt.Sprintf("%d-test-e1", id), "a1.log")
	if err := os.WriteFile(spool, []byte("begun\nmore\nand what the server has not seen\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.agent(copied, h.url)
	run := h.until(id, "done", isDone)
	job := run.Jobs[0]
	if job.Result != plan.Lost || job.Cause != "its room was removed by somebody" {
		t.Errorf("the job ended %s (%s)", job.Result, job.Cause)
	}
	results := []plan.Result{plan.Passed, plan.Lost, plan.Skipped}
	texts := []string{"first\n", "begun\nmore\nand what the server has not seen\n", ""}
	for i, a := range job.Activities {
		if got := h.log(id, 1, a.Name); a.Result != results[i] || got != texts[i] || a.LogIncomplete != "" {
			t.Errorf("activity %d: %s (%s), log %q, %s", i, a.Result, a.Cause, got, a.LogIncomplete)
		}
	}
	for late := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		left, err := os.ReadDir(filepath.Join(copied, "spool"))
		if err != nil || time.Now().After(late) {
			t.Fatalf("the spool still holds %v (%v)", left, err)
		}
		if len(left) == 0 {
			break
		}
	}
}

// TestAgentRestarts ends an agent and starts another process of it, which goes on with what runs.
func TestAgentRestarts(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	dir, flag, machine := t.TempDir(), filepath.Join(t.TempDir(), "flag"), new(enginetest.Machine)
	first := h.newAgent(dir, h.url)
	first.Engine = fake{&enginetest.Fake{Machine: machine}}
	ended := make(chan error, 1)
	go func() { ended <- first.Run(t.Context()) }()
	id := h.start("echo begun; while [ ! -f "+flag+" ]; do sleep 0.02; done; echo ended", "echo next")
	waitFor(t, h, server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}, 6)
	first.Handoff()
	must(t, <-ended)
	must(t, os.WriteFile(flag, nil, 0o600)) // nobody looks
	second := h.newAgent(dir, h.url)
	second.Engine = fake{&enginetest.Fake{Machine: machine}}
	h.background(second.Run)
	run := h.until(id, "done", isDone)
	if job := run.Jobs[0]; job.Result != plan.Passed || job.Epoch != 1 || h.log(id, 1, "a0") != "begun\nended\n" || h.log(id, 1, "a1") != "next\n" {
		t.Errorf("the job ended %s (%s), log %q", job.Result, job.Cause, h.log(id, 1, "a0"))
	} else if job.Note == "" {
		t.Error("nobody is told that the agent was restarted")
	}
}

// TestDivergedLog has an agent come back with other bytes than it sent before.
func TestDivergedLog(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	c := h.cutter()
	dir := t.TempDir()
	h.agent(dir, c.url())
	id := h.start("echo begun; exec sleep 60")
	log := server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}
	waitFor(t, h, log, 6)
	c.retarget("127.0.0.1:1")
	c.cut()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	spool := filepath.Join(copied, "spool", fmt.Sprintf("%d-test-e1", id), "a0.log")
	if err := os.WriteFile(spool, []byte("be"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.agent(copied, h.url)
	run := h.until(id, "done", isDone)
	a := run.Jobs[0].Activities[0]
	if a.LogIncomplete == "" {
		t.Errorf("nobody says that the log is incomplete: %+v", a)
	}
	if info, err := h.logs.Info(log); err != nil || !info.Finished || info.Bytes != 6 {
		t.Errorf("the log is %+v (%v)", info, err)
	}
}
