package docker

import (
	"context"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/executor"
)

// Rejoin implements executor.Room.
func (r *room) Rejoin(ctx context.Context, step executor.Step, out executor.Output, from executor.Ticket) (executor.Exit, error) {
	ctx, end := r.untilLeft(ctx)
	defer end()
	exit, err := r.rejoin(ctx, step, out, from)
	return exit, r.unlessLeft(err)
}

func (r *room) rejoin(ctx context.Context, step executor.Step, out executor.Output, from executor.Ticket) (executor.Exit, error) {
	t, err := readTicket(from)
	if err != nil {
		return executor.Exit{}, err
	}
	c := r.adopted[t.Container]
	if c == nil {
		return executor.Exit{}, &executor.GoneError{Reason: errRemoved.Error()}
	}
	r.current = c
	// Not until ctx ends: a process that is to end has to be met first.
	if _, err := c.greeted.wait(r.leaving); err != nil {
		fate, unknown := r.engine.fate(context.WithoutCancel(ctx), c.name)
		if unknown != nil { // it may run on
			return executor.Exit{}, fmt.Errorf("rejoining %s: %w (%w)", step.Name, err, unknown)
		}
		return executor.Exit{}, &executor.GoneError{Reason: fate.Error()}
	}
	if c.hello.Token != t.Token {
		return executor.Exit{}, executor.ErrNotBegun
	}
	s := &show{room: r, box: c, step: step, out: out, rejoined: true}
	if c.hello.Age > 0 { // or else it could not be started
		s.exit.Started = time.Now().Add(-c.hello.Age)
	}
	if c.hello.Wrote != nil {
		out.Wrote(c.hello.Wrote.Log, c.hello.Wrote.Marks)
	}
	if c.hello.Exit != nil {
		return s.result(ctx, c.hello.Exit, false)
	}
	s.renew()
	return s.run(ctx)
}
