package enginetest

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// Between two activities there is no process, but a workspace.
func testBetween(t *testing.T, s Subject) {
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "job", Activities: []plan.Activity{
		{Name: "one", Image: s.Image, Script: "cat given; echo x > made"},
		{Name: "two", Image: s.Image, Script: "cat given made"},
	}}}
	calls := 0
	spec.Workspace = func(context.Context) (*os.File, error) {
		calls++
		return tarStream(t, map[string]string{"given": "content\n"}), nil
	}
	room, out := Open(t, s.Engine, spec), NewSpool(t).Output()
	out.Going = func(ticket executor.Ticket) error {
		spec.Tickets = append(spec.Tickets, ticket)
		return nil
	}
	if exit, err := room.Run(t.Context(), only(spec), out); err != nil || exit.Code != 0 {
		t.Fatalf("exit %+v, %v", exit, err)
	}
	room.Leave()
	next, spool := adopt(t, s, spec), NewSpool(t)
	exit, err := next.Run(t.Context(), executor.Step{Activity: spec.Job.Activities[1]}, spool.Output())
	if err != nil || exit.Code != 0 || spool.Text() != "content\nx\n" || calls != 1 {
		t.Errorf("exit %+v, %v; log %q after %d calls", exit, err, spool.Text(), calls)
	}
}

// A room in which nothing began is made anew.
func testNoTicket(t *testing.T, s Subject) {
	spec := Script(s.Image, "cat given")
	spec.Workspace = func(context.Context) (*os.File, error) {
		return tarStream(t, map[string]string{"given": "content\n"}), nil
	}
	Open(t, s.Engine, spec).Leave() // with whatever it had come to
	next, spool := s.Next(), NewSpool(t)
	room, err := next.Adopt(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, room)
	exit, err := room.Run(t.Context(), only(spec), spool.Output())
	if err != nil || exit.Code != 0 || spool.Text() != "content\n" {
		t.Errorf("exit %+v, %v; log %q", exit, err, spool.Text())
	}
	sweepAll(t, next)
}

// sweepAll removes what an engine that was left in the middle of making it made after all.
func sweepAll(t *testing.T, next executor.Engine) {
	t.Helper()
	if err := next.(sweeper).Sweep(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// sweeper is the part of an agent's engine that removes what was left.
type sweeper interface {
	Sweep(ctx context.Context, keep []executor.RoomSpec) error
}

// A sweep spares what is to be adopted, and what its own engine has; and nothing else.
func testSweep(t *testing.T, s Subject) {
	st := begin(t, s, Script(s.Image, "echo one; sleep 1; echo two"), 4)
	spec := st.leave()
	other := Script(s.Image, "echo other")
	other.Run, other.Tickets = 2, spec.Tickets
	Open(t, s.Engine, other).Leave()
	next := s.Next()
	if err := next.(sweeper).Sweep(t.Context(), []executor.RoomSpec{spec}); err != nil {
		t.Fatal(err)
	}
	room, err := next.Adopt(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, room)
	if err := next.(sweeper).Sweep(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if exit, err := st.rejoin(room); err != nil || exit.Code != 0 || st.spool.Text() != "one\ntwo\n" {
		t.Errorf("exit %+v, %v; log %q", exit, err, st.spool.Text())
	}
	var gone *executor.GoneError
	if _, err := next.Adopt(t.Context(), other); !errors.As(err, &gone) {
		t.Errorf("a room that was swept: %v", err)
	}
	sweepAll(t, next)
}
