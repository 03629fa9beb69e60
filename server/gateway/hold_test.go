package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/gateway"
	"github.com/tutti-ci/tutti/server/queue"
)

// fullDisk is a store of logs whose disk may be full.
type fullDisk struct {
	gateway.Logs
	full atomic.Bool
}

func (d *fullDisk) check() error {
	if d.full.Load() {
		return fmt.Errorf("writing to the log: %w", syscall.ENOSPC)
	}
	return nil
}

func (d *fullDisk) Append(id server.LogID, off int64, data, marks []byte) (int64, error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	return d.Logs.Append(id, off, data, marks)
}

func (d *fullDisk) Sync(id server.LogID) (int64, error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	return d.Logs.Sync(id)
}

func (d *fullDisk) Finish(id server.LogID, length int64, sha256 string) error {
	if err := d.check(); err != nil {
		return err
	}
	return d.Logs.Finish(id, length, sha256)
}

func (d *fullDisk) Probe() error {
	if err := d.check(); err != nil {
		return err
	}
	return d.Logs.Probe()
}

// troubled has a gateway and its queue share troubles, as main does, and the logs on a disk.
func troubled(disk *fullDisk, troubles *server.Troubles) func(*gateway.Gateway) {
	return func(g *gateway.Gateway) {
		disk.Logs = g.Logs
		g.Logs, g.Troubles = disk, troubles
		g.Terms.Suspect = 200 * time.Millisecond // it looks often
		jobs := g.Queue.(*queue.Queue)
		jobs.Halted, troubles.Changed = troubles.Halted, jobs.Wake
	}
}

func (h *house) logLine(t *testing.T, session int64) *wire.Logs {
	t.Helper()
	l, err := wire.Dialer{URL: h.url, Token: token}.Logs(t.Context(), "puppet", session)
	must(t, err)
	t.Cleanup(func() { l.Close(wire.CloseNormal, "") })
	return l
}

// frame reads the next frame, which has to be of this kind.
func frame[F wire.LogFrame](t *testing.T, l *wire.Logs) F {
	t.Helper()
	got, err := l.Receive()
	must(t, err)
	f, ok := got.(F)
	if !ok {
		t.Fatalf("the server says %#v", got)
	}
	return f
}

// TestFullLogDisk has the disk of the logs full for a while.
func TestFullLogDisk(t *testing.T) {
	disk, troubles := new(fullDisk), new(server.Troubles)
	h := open(t, t.TempDir(), 0, troubled(disk, troubles))
	id := h.start("true")
	p := h.puppet(t)
	claim := p.run()
	l := h.logLine(t, p.welcome.Session)
	openLog := wire.LogOpen{Stream: 1, Claim: claim, Activity: "a0"}
	must(t, l.Send(openLog))
	frame[wire.LogAck](t, l)
	must(t, l.Send(wire.LogData{Stream: 1, Payload: []byte("first\n")}))
	if ack := frame[wire.LogAck](t, l); ack.Length != 6 {
		t.Fatalf("the server has %d bytes", ack.Length)
	}
	disk.full.Store(true)
	second := wire.LogData{Stream: 1, Offset: 6, Payload: []byte("second\n")}
	must(t, l.Send(second))
	if hold := frame[wire.LogHold](t, l); hold.Stream != 1 || hold.Pause < time.Second || hold.Pause > 5*time.Second {
		t.Errorf("the server says %+v", hold)
	}
	must(t, l.Send(second)) // under way: nobody answers it
	halt, halted := troubles.Halted()
	if !halted || !strings.Contains(halt.Text, "the disk of the logs is full") {
		t.Errorf("people see %+v", halt)
	}
	p.ping(1, claim) // the session lasts
	// The result waits for the logs, and is not acknowledged.
	sum := sha256.Sum256([]byte("first\nsecond\n"))
	report := wire.Report{Claim: claim, Revision: 1, Phase: wire.PhaseFinished, Result: plan.Passed, Activities: []wire.ActivityReport{
		{Name: "a0", State: plan.Done, Result: plan.Passed, LogBytes: 13, LogSHA256: hex.EncodeToString(sum[:])},
	}}
	must(t, p.control.Send(report))
	p.ping(2, claim)
	if next := h.start("true"); h.explained(t, next) != "no job starts: "+halt.Text {
		t.Errorf("another job waits for %q", h.explained(t, next))
	}
	disk.full.Store(false)
	for late := time.Now().Add(10 * time.Second); len(troubles.All()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("the troubles last: %+v", troubles.All())
		}
	}
	must(t, l.Send(openLog))
	if ack := frame[wire.LogAck](t, l); ack.Length != 6 {
		t.Fatalf("the server has %d bytes", ack.Length)
	}
	must(t, l.Send(second))
	if ack := frame[wire.LogAck](t, l); ack.Length != 13 {
		t.Fatalf("the server has %d bytes", ack.Length)
	}
	for final := false; !final; {
		var said wire.Reported
		p.await(wire.KindReported, &said)
		if final = said.Final; said.Missing {
			must(t, p.control.Send(report))
		}
	}
	if run := h.until(id, "done", isDone); run.Result != plan.Passed || h.log(id, 1, "a0") != "first\nsecond\n" {
		t.Errorf("the run ended %s, log %q", run.Result, h.log(id, 1, "a0"))
	}
	p.ping(3) // or it counts as silent
	p.run()   // the other job
}

// explained answers what people are told that the job of a run waits for.
func (h *house) explained(t *testing.T, id server.RunID) string {
	t.Helper()
	jobs, err := h.db.QueuedJobs(t.Context())
	must(t, err)
	agents, err := h.db.Agents(t.Context())
	must(t, err)
	return h.gateway.Queue.(*queue.Queue).Explain(jobs, agents)[server.JobRef{Run: id, Job: "test"}]
}

// TestHaltEndsByItself has the disk be full when no job has a log to write.
func TestHaltEndsByItself(t *testing.T) {
	disk, troubles := new(fullDisk), new(server.Troubles)
	h := open(t, t.TempDir(), 0, troubled(disk, troubles))
	disk.full.Store(true)
	troubles.Set(server.Trouble{Kind: "logs", Text: "the disk is full", Halts: true})
	h.start("true")
	p := h.puppet(t)
	time.Sleep(200 * time.Millisecond)
	if held, err := h.db.AllHeldJobs(t.Context()); err != nil || len(held) > 0 {
		t.Errorf("held are %+v (%v)", held, err)
	}
	disk.full.Store(false)
	for late := time.Now().Add(10 * time.Second); len(troubles.All()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("the troubles last: %+v", troubles.All())
		}
	}
	must(t, p.control.Send(wire.Status{Capacity: 1, Labels: []string{"it=speaks"}})) // or it counts as silent
	p.run()
}
