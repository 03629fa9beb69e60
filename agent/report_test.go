package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// testWorker answers a worker without an engine and without a server.
func testWorker(t *testing.T) *worker {
	t.Helper()
	dir := t.TempDir()
	w := &worker{
		Agent: &Agent{DataDir: dir}, log: slog.New(slog.DiscardHandler), clock: executor.LeaseTime, boot: "b1", ship: newShipper(),
		vault: &vault{}, jobs: make(map[wire.Claim]*job), wake: make(chan struct{}, 1), less: make(chan struct{}, 1),
		leased: make(chan struct{}, 1), redial: make(chan struct{}, 1), recheck: make(chan struct{}, 1),
	}
	w.health = newHealth(nil, func() {})
	w.began = w.clock()
	w.rooms.trap = w.trap
	var err error
	w.spool, err = openSpool(filepath.Join(dir, "spool"))
	must(t, err)
	w.keep, err = openKeep(filepath.Join(dir, "kept"), w.boot, w.clock, w.log)
	must(t, err)
	w.journal, _ = reopen(t, filepath.Join(dir, "journal"))
	return w
}

// testJob answers a job that runs on w.
func testJob(t *testing.T, w *worker) (j *job, life context.Context) {
	t.Helper()
	j, in := w.newJob(t.Context(), offer(1), plan.Job{Name: "test", Activities: []plan.Activity{{Name: "unit"}, {Name: "next"}}})
	t.Cleanup(func() { j.drop(nil) })
	j.startedAt = time.Now()
	w.jobs[j.claim] = j
	must(t, j.accept())
	j.hold.Accepted()
	w.start(j.claim, w.boottime(), time.Hour)
	return j, in.life
}

// concluded has a job concluded by a server that takes its word, and answers its last report.
func concluded(t *testing.T, j *job, life context.Context) wire.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(life, 5*time.Second)
	defer cancel()
	j.hold.Ended()
	j.reported(wire.Reported{Claim: j.claim, Final: true})
	j.conclude(ctx, executor.Outcome{Result: plan.Lost, Cause: "no space left"})
	if ctx.Err() != nil {
		t.Fatal("the job does not end")
	}
	return j.report
}

func TestBrief(t *testing.T) {
	for _, words := range []string{"", "exit code 2", strings.Repeat("ü", 40<<10), "x" + strings.Repeat("日本", 40<<10), "a\xffb"} {
		got := brief(words)
		if len(got) > maxReason || !utf8.ValidString(got) || len(words) > maxReason && !strings.HasSuffix(got, "…") {
			t.Errorf("of %d bytes there are %d: %.20q", len(words), len(got), got)
		}
	}
	if got := brief("exit code 2"); got != "exit code 2" {
		t.Errorf("a short reason became %q", got)
	}
}

// TestCausesAreShort has an activity and a job end for a reason that the user wrote.
func TestCausesAreShort(t *testing.T) {
	w := testWorker(t)
	j, life := testJob(t, w)
	long := strings.Repeat("\x01", 200<<10)
	must(t, j.Finished("unit", executor.Outcome{Result: plan.Failed, Cause: long}))
	j.hold.Ended()
	j.reported(wire.Reported{Final: true})
	j.conclude(life, executor.Outcome{Result: plan.Failed, Cause: long})
	w.decline(claim(2), errors.New(long))
	for _, m := range []wire.Message{j.report, w.declined[0]} {
		if data, err := wire.Encode(m); err != nil || len(data) > 64<<10 {
			t.Errorf("%T has %d bytes (%v)", m, len(data), err)
		}
	}
}

// TestReportTooLarge has a pump say what does not fit into a message.
func TestReportTooLarge(t *testing.T) {
	heard := make(chan wire.Envelope, 10)
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		control, err := wire.AcceptControl(rw, r)
		if err != nil {
			t.Error(err)
			return
		}
		for {
			e, err := control.Receive()
			if err != nil {
				return
			}
			heard <- e
		}
	}))
	defer web.Close()
	control, err := wire.Dialer{URL: web.URL, Token: "x"}.Control(t.Context())
	must(t, err)
	defer control.Close(wire.CloseNormal, "")
	w := testWorker(t)
	j, in := w.newJob(t.Context(), offer(1), plan.Job{})
	t.Cleanup(func() { j.drop(nil) })
	j.hold.Accepted()
	w.jobs[j.claim] = j
	p := w.newPump(control)

	long := strings.Repeat("x", wire.MaxMessage)
	j.report.Activities = []wire.ActivityReport{{Name: "unit", State: plan.Running, Cause: long}}
	j.report.Revision = 1
	must(t, p.flush())
	if in.soft.Err() == nil {
		t.Error("a job that cannot be reported runs on")
	}
	j.report.Activities = []wire.ActivityReport{{Name: "unit", State: plan.Done, Result: plan.Passed, LogSHA256: "abc", Cause: long}}
	j.report.Revision, j.report.Phase, j.report.Result = 2, wire.PhaseFinished, plan.Passed
	must(t, p.flush())
	j.report.Activities = []wire.ActivityReport{{Name: long, State: plan.Done, Result: plan.Passed}}
	j.report.Revision = 3
	must(t, p.flush())
	for {
		e := <-heard
		if e.Kind != wire.KindReport {
			continue
		}
		var r wire.Report
		must(t, json.Unmarshal(e.Body, &r))
		if r.Result != plan.Lost || !strings.Contains(r.Cause, "bytes") || r.Revision == 2 && r.Activities[0].LogSHA256 != "abc" {
			t.Errorf("the server hears %+v", r)
		}
		if r.Revision == 3 {
			return
		}
	}
}

// TestJournalFailsAtStart has the disk fill up when an activity starts.
func TestJournalFailsAtStart(t *testing.T) {
	w := testWorker(t)
	j, life := testJob(t, w)
	must(t, w.journal.close())
	if _, err := j.Started("unit", time.Now()); err == nil {
		t.Fatal("an activity of which nobody will know was started")
	}
	r := concluded(t, j, life)
	if a := r.Activities[0]; a.State != plan.Done || a.Result != plan.Lost || a.LogIncomplete == "" {
		t.Errorf("the activity is %+v", a)
	}
}

// TestLogCannotBeClosed has the disk fail when an activity ends.
func TestLogCannotBeClosed(t *testing.T) {
	w := testWorker(t)
	j, life := testJob(t, w)
	out, err := j.Started("unit", time.Now())
	must(t, err)
	must(t, out.Log.Close())
	if err := j.Finished("unit", executor.Outcome{Result: plan.Passed}); err == nil {
		t.Fatal("the log was closed twice")
	}
	if out.Marks.Close() == nil {
		t.Error("the marks were left open")
	}
	if a := concluded(t, j, life).Activities[0]; a.Result != plan.Lost || a.LogIncomplete == "" {
		t.Errorf("the activity is %+v", a)
	}
}

// TestServerHasAllOfIt has the server acknowledge a log of before a restart as soon as it is there.
func TestServerHasAllOfIt(t *testing.T) {
	s := newShipper()
	st := &stream{claim: claim(1), activity: "unit"}
	s.addWhole(st, 5, wire.MarkSize)
	if frame, _ := s.next(newPiece(), time.Now()); frame == nil {
		t.Fatal("the log is not announced")
	}
	must(t, s.hear(wire.LogAck{Stream: st.number, Length: 5}, time.Now()))
	if broken, err := s.settle(t.Context(), claim(1)); err != nil || len(broken) > 0 {
		t.Errorf("the log is %v (%v)", broken, err)
	}
}

// TestExitCodeNobodyKnows has the container of an activity vanish under its process.
func TestExitCodeNobodyKnows(t *testing.T) {
	j, _ := testJob(t, testWorker(t))
	began := time.Now()
	must(t, j.Finished("unit", executor.Outcome{Result: plan.Lost, Exit: &executor.Exit{Started: began}}))
	must(t, j.Finished("next", executor.Outcome{Result: plan.Passed, Exit: &executor.Exit{Started: began, Finished: began.Add(1)}}))
	if lost, passed := j.report.Activities[0].ExitCode, j.report.Activities[1].ExitCode; lost != nil || passed == nil || *passed != 0 {
		t.Errorf("the exit codes are %v and %v", lost, passed)
	}
}
