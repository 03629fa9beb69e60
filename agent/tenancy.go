package agent

import (
	"context"
	"errors"

	"github.com/tutti-ci/tutti/executor"
)

// A tenancy is the room of a job as the executor sees it. Nothing begins there without a lease.
type tenancy struct {
	executor.Room
	j *job
	// doubt says that the engine lost sight of a process, which may still run.
	doubt bool
}

// Run implements executor.Room.
func (t *tenancy) Run(ctx context.Context, step executor.Step, out executor.Output) (executor.Exit, error) {
	if err := t.j.awaitLease(ctx); err != nil {
		return executor.Exit{}, err
	}
	told := out.Going
	going := false
	out.Going = func(ticket executor.Ticket) error {
		going = true
		return told(ticket)
	}
	began := out.Began
	out.Began = func() {
		began()
		if err := t.j.w.trap("agent.after_go"); err != nil {
			t.j.end(err)
		}
	}
	exit, err := t.Room.Run(ctx, step, out)
	t.doubt = t.doubt || going && doubtful(exit, err)
	return exit, err
}

// Rejoin implements executor.Room.
func (t *tenancy) Rejoin(ctx context.Context, step executor.Step, out executor.Output, ticket executor.Ticket) (executor.Exit, error) {
	exit, err := t.Room.Rejoin(ctx, step, out, ticket)
	t.doubt = t.doubt || doubtful(exit, err)
	return exit, err
}

// doubtful says whether a process that was about to begin may run on.
func doubtful(exit executor.Exit, err error) bool {
	var gone *executor.GoneError
	known := errors.Is(err, executor.ErrNotBegun) || errors.Is(err, executor.ErrFenced) || errors.As(err, &gone)
	return err != nil && exit.Finished.IsZero() && !known
}
