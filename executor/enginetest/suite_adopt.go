package enginetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor"
)

// adoption are the tests of what happens when the agent's process ends and another one follows.
var adoption = map[string]func(*testing.T, Subject){
	"RejoinRunning":  testRejoinRunning,
	"RejoinEnded":    testRejoinEnded,
	"RejoinCanceled": testRejoinCanceled,
	"RejoinTwice":    testRejoinTwice,
	"RejoinOutputs":  testRejoinOutputs,
	"NotBegun":       testNotBegun,
	"Gone":           testGone,
	"Between":        testBetween,
	"NoTicket":       testNoTicket,
	"Sweep":          testSweep,
	"Resumed":        testResumed,
	"LeaseOver":      testLeaseOver,
	"LeaseLeft":      testLeaseLeft,
	"LeaseRenewed":   testLeaseRenewed,
}

type answer struct {
	exit executor.Exit
	err  error
}

// A stage is a room with an activity that runs in it.
type stage struct {
	t      *testing.T
	spec   executor.RoomSpec
	room   executor.Room
	spool  *Spool
	ticket executor.Ticket
	done   chan answer
}

// begin runs the first activity until it has written so many bytes.
func begin(t *testing.T, s Subject, spec executor.RoomSpec, bytes int64) *stage {
	t.Helper()
	st := &stage{t: t, spec: spec, spool: NewSpool(t), done: make(chan answer, 1)}
	st.room = Open(t, s.Engine, spec)
	out := st.spool.Output()
	out.Going = func(ticket executor.Ticket) error { // the stage may be read when bytes came
		st.ticket = ticket
		return nil
	}
	go func() {
		exit, err := st.room.Run(t.Context(), only(spec), out)
		st.done <- answer{exit, err}
	}()
	st.spool.AwaitBytes(bytes)
	if st.ticket == "" {
		t.Fatal("a process began, and nobody heard of its ticket")
	}
	return st
}

// leave ends the agent's process, as it were, and answers the specification for the next one.
func (st *stage) leave() executor.RoomSpec {
	st.t.Helper()
	st.room.Leave()
	select {
	case a := <-st.done:
		if !errors.Is(a.err, executor.ErrLeft) {
			st.t.Fatalf("Run answers %+v, %v", a.exit, a.err)
		}
	case <-time.After(5 * time.Second):
		st.t.Fatal("Run goes on in a room that was left")
	}
	spec := st.spec
	spec.Tickets = []executor.Ticket{st.ticket}
	return spec
}

// adopt adopts a room with the next engine; it is closed at the end of the test.
func adopt(t *testing.T, s Subject, spec executor.RoomSpec) executor.Room {
	t.Helper()
	room, err := s.Next().Adopt(t.Context(), spec)
	if err != nil {
		t.Fatalf("adopting: %v", err)
	}
	closeLater(t, room)
	return room
}

func (st *stage) rejoin(room executor.Room) (executor.Exit, error) {
	return room.Rejoin(st.t.Context(), only(st.spec), st.spool.Output(), st.ticket)
}

func testRejoinRunning(t *testing.T, s Subject) {
	st := begin(t, s, Script(s.Image, "echo one; sleep 1; echo two >&2; sleep 0.5; exit 6"), 4)
	room := adopt(t, s, st.leave())
	exit, err := st.rejoin(room)
	if err != nil || exit.Code != 6 || st.spool.Text() != "one\ntwo\n" {
		t.Fatalf("exit %+v, %v; log %q", exit, err, st.spool.Text())
	}
	st.spool.checkAgainst(exit)
	if ran := exit.Finished.Sub(exit.Started); ran < time.Second || ran > 10*time.Second || time.Since(exit.Started) < ran {
		t.Errorf("it ran from %v to %v", exit.Started, exit.Finished)
	}
}

func testRejoinEnded(t *testing.T, s Subject) {
	st := begin(t, s, Script(s.Image, "echo one; sleep 0.3; echo two; echo x > kept; exit 6"), 4)
	spec := st.leave()
	for deadline := time.Now().Add(10 * time.Second); st.spool.Text() != "one\ntwo\n" && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	room := adopt(t, s, spec)
	exit, err := st.rejoin(room)
	if err != nil || exit.Code != 6 || exit.Started.IsZero() {
		t.Fatalf("exit %+v, %v; log %q", exit, err, st.spool.Text())
	}
	st.spool.checkAgainst(exit)
	step, spool := only(st.spec), NewSpool(t)
	step.Script = "cat kept; ls"
	if exit, err := room.Run(t.Context(), step, spool.Output()); err != nil || exit.Code != 0 || spool.Text() != "x\nkept\n" {
		t.Errorf("the next one: %+v, %v; log %q", exit, err, spool.Text())
	}
}

// A process that is to end when the next agent comes gets its signals from that one.
func testRejoinCanceled(t *testing.T, s Subject) {
	st := begin(t, s, Script(s.Image, "trap 'echo bye; exit 7' TERM; echo ready; while true; do sleep 0.02; done"), 6)
	room := adopt(t, s, st.leave())
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(executor.Canceled{Reason: "by a test"})
	exit, err := room.Rejoin(ctx, only(st.spec), st.spool.Output(), st.ticket)
	if exit.Code != 7 || !strings.Contains(st.spool.Text(), "bye\n") || !errors.Is(err, executor.Canceled{Reason: "by a test"}) {
		t.Errorf("exit %+v, %v; log %q", exit, err, st.spool.Text())
	}
	st.spool.checkAgainst(exit)
}

func testRejoinTwice(t *testing.T, s Subject) {
	st := begin(t, s, Script(s.Image, "echo one; sleep 1; echo two"), 4)
	spec := st.leave()
	for range 2 {
		room := adopt(t, s, spec)
		go func() {
			exit, err := room.Rejoin(t.Context(), only(st.spec), st.spool.Output(), st.ticket)
			st.done <- answer{exit, err}
		}()
		room.Leave()
		if a := <-st.done; !errors.Is(a.err, executor.ErrLeft) {
			t.Fatalf("Rejoin answers %+v, %v", a.exit, a.err)
		}
		if err := room.Close(t.Context()); err != nil {
			t.Errorf("closing a room that was left: %v", err)
		}
	}
	exit, err := st.rejoin(adopt(t, s, spec))
	if err != nil || exit.Code != 0 || st.spool.Text() != "one\ntwo\n" {
		t.Fatalf("exit %+v, %v; log %q", exit, err, st.spool.Text())
	}
	st.spool.checkAgainst(exit)
}

func testRejoinOutputs(t *testing.T, s Subject) {
	spec := Script(s.Image, "echo one; sleep 0.5; echo value > $TUTTI_OUTPUT/a; echo s3cr3t-t0k3n-value")
	spec.Job.Activities[0].Outputs = outputs("a")
	st := &stage{t: t, spec: spec, spool: NewSpool(t), done: make(chan answer, 1)}
	st.room = Open(t, s.Engine, spec)
	out, step := st.spool.Output(), only(spec)
	out.Going = func(ticket executor.Ticket) error { st.ticket = ticket; return nil }
	step.Masks = []string{"s3cr3t-t0k3n-value"}
	go func() {
		exit, err := st.room.Run(t.Context(), step, out)
		st.done <- answer{exit, err}
	}()
	st.spool.AwaitBytes(4)
	exit, err := st.rejoin(adopt(t, s, st.leave()))
	if err != nil || string(exit.Outputs["a"]) != "value\n" || st.spool.Text() != "one\n***\n" {
		t.Errorf("exit %+v, %v; log %q", exit, err, st.spool.Text())
	}
}

// The agent may end between the noting of a ticket and the beginning of its process.
func testNotBegun(t *testing.T, s Subject) {
	spec := Script(s.Image, "[ ! -f made ]; echo x > made; echo once")
	room, spool, dies := Open(t, s.Engine, spec), NewSpool(t), errors.New("the agent dies")
	out := spool.Output()
	out.Going = func(ticket executor.Ticket) error {
		spec.Tickets = append(spec.Tickets, ticket)
		return dies
	}
	if _, err := room.Run(t.Context(), only(spec), out); !errors.Is(err, dies) || spool.Text() != "" {
		t.Fatalf("Run answers %v; log %q", err, spool.Text())
	}
	room.Leave()
	next := adopt(t, s, spec)
	if _, err := next.Rejoin(t.Context(), only(spec), spool.Output(), spec.Tickets[0]); !errors.Is(err, executor.ErrNotBegun) {
		t.Fatalf("Rejoin answers %v", err)
	}
	exit, err := next.Run(t.Context(), only(spec), spool.Output())
	if err != nil || exit.Code != 0 || spool.Text() != "once\n" {
		t.Errorf("exit %+v, %v; log %q", exit, err, spool.Text())
	}
	spool.checkAgainst(exit)
}

func testGone(t *testing.T, s Subject) {
	st := begin(t, s, Script(s.Image, "echo one; sleep 60"), 4)
	spec := st.leave()
	s.Lose()
	room := adopt(t, s, spec)
	_, err := st.rejoin(room)
	if gone, ok := errors.AsType[*executor.GoneError](err); !ok || !strings.Contains(gone.Reason, "by somebody") {
		t.Fatalf("Rejoin answers %v", err)
	}
	step, spool := only(st.spec), NewSpool(t)
	step.Script = "echo again"
	if exit, err := room.Run(t.Context(), step, spool.Output()); err != nil || exit.Code != 0 || spool.Text() != "again\n" {
		t.Errorf("the next try: %+v, %v; log %q", exit, err, spool.Text())
	}
}
