package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// TestEverythingTwice has an agent say all that it says twice, and some of it late.
func TestEverythingTwice(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	must(t, p.control.Send(wire.Accept{Claim: claim}))
	p.await(wire.KindStart, new(wire.Start))
	l := h.logLine(t, p.welcome.Session)
	text := []byte("some text\n")
	for range 2 {
		must(t, l.Send(wire.LogOpen{Stream: 1, Claim: claim, Activity: "a0"}))
		if ack := frame[wire.LogAck](t, l); ack.Length != 0 {
			t.Errorf("the log has %d bytes", ack.Length)
		}
	}
	for range 2 {
		must(t, l.Send(wire.LogData{Stream: 1, Payload: text}))
		if ack := frame[wire.LogAck](t, l); ack.Length != int64(len(text)) {
			t.Errorf("the log has %d bytes", ack.Length)
		}
	}
	sum := sha256.Sum256(text)
	running := []wire.ActivityReport{{Name: "a0", State: plan.Running}}
	done := []wire.ActivityReport{{Name: "a0", State: plan.Done, Result: plan.Passed, LogBytes: 10, LogSHA256: hex.EncodeToString(sum[:])}}
	first := wire.Report{Claim: claim, Revision: 1, Phase: wire.PhaseRunning, Activities: running}
	second := wire.Report{Claim: claim, Revision: 2, Phase: wire.PhaseRunning, Activities: done}
	last := wire.Report{Claim: claim, Revision: 3, Phase: wire.PhaseFinished, Activities: done, Result: plan.Passed}
	for _, r := range []wire.Report{second, first, first, second} { // the older one comes late
		must(t, p.control.Send(r))
		var said wire.Reported
		if p.await(wire.KindReported, &said); said.Revision != r.Revision || said.Final {
			t.Errorf("report %d is answered %+v", r.Revision, said)
		}
	}
	run, err := h.db.Run(t.Context(), id)
	must(t, err)
	if run.Jobs[0].Activities[0].State != plan.Done {
		t.Errorf("a late report was believed: %+v", run.Jobs[0].Activities)
	}
	must(t, p.control.Send(last))
	var said wire.Reported
	if p.await(wire.KindReported, &said); !said.Final {
		t.Errorf("the answer is %+v", said)
	}
	// All of it comes once more, after the end.
	failed := last
	failed.Revision, failed.Result = 4, plan.Failed
	for _, m := range []wire.Message{last, failed, second, wire.Accept{Claim: claim}, wire.Ask{Claim: claim, Activity: "a0"}} {
		must(t, p.control.Send(m))
		p.await(wire.KindStale, new(wire.Stale))
	}
	must(t, p.control.Send(wire.Decline{Claim: claim, Reason: "late"}))
	must(t, l.Send(wire.LogData{Stream: 1, Offset: 10, Payload: []byte("more")}))
	must(t, l.Send(wire.LogOpen{Stream: 1, Claim: claim, Activity: "a0"}))
	p.await(wire.KindStale, new(wire.Stale))
	run, err = h.db.Run(t.Context(), id)
	must(t, err)
	if run.Result != plan.Passed || h.log(id, 1, "a0") != string(text) {
		t.Errorf("the run ended %s, log %q", run.Result, h.log(id, 1, "a0"))
	}
}

// TestReorderedLog has the pieces of a log come in another order, and none after them that would show it.
func TestReorderedLog(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	l := h.logLine(t, p.welcome.Session)
	must(t, l.Send(wire.LogOpen{Stream: 1, Claim: claim, Activity: "a0"}))
	frame[wire.LogAck](t, l)
	a, b, c := wire.LogData{Stream: 1, Payload: []byte("a")}, wire.LogData{Stream: 1, Offset: 1, Payload: []byte("b")}, wire.LogData{Stream: 1, Offset: 2, Payload: []byte("c")}
	must(t, l.Send(c))
	if back := frame[wire.LogRewind](t, l); back.Length != 0 {
		t.Errorf("the server asks for %d", back.Length)
	}
	must(t, l.Send(a))
	if ack := frame[wire.LogAck](t, l); ack.Length != 1 {
		t.Errorf("the server has %d bytes", ack.Length)
	}
	// Nothing comes; the server remembers that there was more.
	if back := frame[wire.LogRewind](t, l); back.Length != 1 {
		t.Errorf("the server asks for %d", back.Length)
	}
	must(t, l.Send(b))
	must(t, l.Send(c))
	for length := int64(0); length < 3; length = frame[wire.LogAck](t, l).Length {
	}
	if got := h.log(id, 1, "a0"); got != "abc" {
		t.Errorf("the log reads %q", got)
	}
}

// TestUnnamedJob has an agent not know of a job that it accepted.
func TestUnnamedJob(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	id := h.start("true")
	p := h.puppet(t)
	p.run()
	p.ping(1)
	p.ping(2)
	if run, err := h.db.Run(t.Context(), id); err != nil || run.State == plan.Done {
		t.Errorf("it was lost too early: %+v (%v)", run, err)
	}
	p.ping(3)
	if cause := h.lost(id); cause != "agent puppet does not have it any more" {
		t.Errorf("it was lost because %s", cause)
	}
}

// TestSenselessReport has an agent report what cannot be while the job runs: the job is lost when the agent has ended it, and not before.
func TestSenselessReport(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	p.ping(1, claim)
	must(t, p.control.Send(wire.Report{Claim: claim, Revision: 1, Phase: wire.PhaseRunning, Activities: []wire.ActivityReport{{Name: "a0", State: "dancing"}}}))
	p.await(wire.KindStale, new(wire.Stale))
	if d := p.ping(2, claim).Jobs[0]; !d.Stale || d.Valid != 0 { // the Stale may have been lost
		t.Errorf("the lease is %+v", d)
	}
	if run, err := h.db.Run(t.Context(), id); err != nil || run.State == plan.Done {
		t.Errorf("it is lost while it runs: %+v (%v)", run, err)
	}
	p.ping(3)
	if cause := h.lost(id); !strings.Contains(cause, "makes no sense") {
		t.Errorf("it was lost because %s", cause)
	}
}

// TestLogLineBreaks has the second connection come and go within a session.
func TestLogLineBreaks(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	for n, text := range []string{"one ", "two ", "three"} {
		l := h.logLine(t, p.welcome.Session)
		must(t, l.Send(wire.LogOpen{Stream: uint32(n) + 7, Claim: claim, Activity: "a0"}))
		ack := frame[wire.LogAck](t, l)
		must(t, l.Send(wire.LogData{Stream: uint32(n) + 7, Offset: ack.Length, Payload: []byte(text)}))
		frame[wire.LogAck](t, l)
		l.Close(wire.CloseGoing, "")
	}
	p.ping(1, claim)
	if got := h.log(id, 1, "a0"); got != "one two three" {
		t.Errorf("the log reads %q", got)
	}
	waitFor(t, h, server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}, 13)
}

// TestNote has an agent say what people should know, and how much it left out of a log.
func TestNote(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	must(t, p.control.Send(wire.Report{Claim: claim, Revision: 1, Phase: wire.PhaseRunning, Note: "the agent was restarted; the job went on",
		Activities: []wire.ActivityReport{{Name: "a0", State: plan.Done, Result: plan.Passed, Omitted: 17}}}))
	p.await(wire.KindReported, new(wire.Reported))
	run, err := h.db.Run(t.Context(), id)
	must(t, err)
	if j := run.Jobs[0]; j.Note != "the agent was restarted; the job went on" || j.Activities[0].LogOmitted != 17 {
		t.Errorf("people see %+v", j)
	}
}
