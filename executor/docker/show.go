package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/shim"
)

// killLimit is how long the end of a container may take after SIGKILL: a process can hang in the kernel.
const killLimit = 30 * time.Second

// A show is one activity in its container, from Go to Exit.
type show struct {
	room     *room
	box      *box
	step     executor.Step
	out      executor.Output
	exit     executor.Exit
	rejoined bool
}

// show sends the Go.
func (r *room) show(ctx context.Context, c *box, step executor.Step, out executor.Output) (*show, error) {
	s := &show{room: r, box: c, step: step, out: out}
	lease, err := r.lease()
	if err != nil {
		return nil, err
	}
	order := &shim.Go{
		Activity: step.Name,
		Script:   step.Script,
		Shell:    string(step.Shell),
		Command:  step.Command,
		Env:      environment(c.img.env, step.Env),
		User:     userOf(step.Activity, c.img),
		Dir:      shim.Workspace,
		Workdir:  step.Workdir,
		Token:    rand.Text(),
		Outputs:  outputs(step.Outputs),
		Masks:    step.Masks,
		Lease:    lease,
		LogLimit: r.engine.config.LogLimit,
	}
	if !out.Since.IsZero() {
		order.Age = time.Since(out.Since)
	}
	if out.Going != nil {
		going, err := ticket{c.name, order.Token, r.network.name}.write()
		if err == nil {
			err = out.Going(going)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := c.conn.Send(shim.Message{Go: order, Files: []*os.File{out.Log, out.Marks}}); err != nil {
		return nil, s.vanished(ctx)
	}
	return s, nil
}

// lease answers what the shim is told of the job's lease. As long as that is over, or not known, no process may begin.
func (r *room) lease() (*shim.Lease, error) {
	if r.spec.Lease == nil {
		return nil, nil
	}
	until := r.spec.Lease()
	switch {
	case until == 0:
		return nil, errors.New("nobody knows the lease of the job")
	case executor.LeaseTime() >= until:
		return nil, executor.ErrFenced
	}
	return &shim.Lease{Until: until}, nil
}

// outputs says which outputs the shim brings.
func outputs(declared []plan.Output) shim.OutputOrder {
	if len(declared) == 0 {
		return shim.OutputOrder{}
	}
	order := shim.OutputOrder{MaxEach: executor.MaxOutput, MaxAll: executor.MaxOutputs}
	for _, o := range declared {
		order.Names = append(order.Names, o.Name)
		if !o.Sensitive {
			order.Open = append(order.Open, o.Name)
		}
	}
	return order
}

// environment is that of the image, then that of the activity: the last value of a variable counts.
func environment(image []string, activity map[string]string) []string {
	env := slices.Clone(image)
	for _, name := range slices.Sorted(maps.Keys(activity)) {
		env = append(env, name+"="+activity[name])
	}
	return env
}

// run waits for the end, and brings it about when ctx ends.
func (s *show) run(ctx context.Context) (executor.Exit, error) {
	var spare, grace, limit <-chan time.Time
	next, wait, ok := s.room.after(s.box, s.step.Activity)
	if ok {
		spare = time.After(wait)
	}
	canceled := ctx.Done()
	for {
		select {
		case m, ok := <-s.box.in:
			if !ok {
				return s.exit, s.vanished(ctx)
			}
			if s.take(m) {
				return s.result(ctx, m.Exit, canceled == nil)
			}
		case <-spare:
			s.room.prepare(next)
		case <-s.room.renewed:
			s.renew()
		case <-canceled:
			if s.room.isLeft() || errors.Is(context.Cause(ctx), executor.ErrLeft) {
				return executor.Exit{}, executor.ErrLeft
			}
			canceled, spare = nil, nil
			s.signal(shim.Term)
			grace = time.After(s.room.engine.config.Grace)
		case <-grace:
			s.signal(shim.Kill)
			limit = time.After(killLimit)
		case <-limit:
			s.box.traces = "a process of it did not end"
			return s.exit, fmt.Errorf("a process of %s did not end within %s of SIGKILL", s.step.Name, killLimit)
		}
	}
}

// take takes a message in and says whether it is the last one.
func (s *show) take(m shim.Message) (last bool) {
	switch {
	case m.Started != nil && !s.rejoined:
		s.exit.Started = time.Now()
		s.out.Began()
	case m.Wrote != nil:
		s.out.Wrote(m.Wrote.Log, m.Wrote.Marks)
	case m.Stalled != nil && m.Stalled.Reason != "":
		s.room.engine.log.Warn("the log cannot be written; its process waits", "activity", s.step.Name, "reason", m.Stalled.Reason)
	case m.Stalled != nil:
		s.room.engine.log.Info("the log can be written again", "activity", s.step.Name)
	}
	return m.Exit != nil
}

// result puts the Exit together.
func (s *show) result(ctx context.Context, exit *shim.Exit, interrupted bool) (executor.Exit, error) {
	s.box.traces = exit.Traces
	s.out.Wrote(exit.Log, exit.Marks)
	s.exit.Code = exit.Code
	s.exit.Signal = exit.Signal
	s.exit.Reason = exit.Reason
	s.exit.OOM = exit.OOM
	s.exit.Limit = s.room.memory()
	s.exit.LogBytes = exit.Log
	s.exit.LogSHA256 = exit.SHA256
	s.exit.Outputs = exit.Outputs
	s.exit.OutputsErr = exit.OutputsErr
	s.exit.Omitted = exit.Omitted
	s.exit.Hint = s.room.engine.fullDisk()
	if !s.exit.Started.IsZero() {
		s.exit.Finished = s.exit.Started.Add(exit.Took)
	}
	switch {
	case interrupted: // whatever else went wrong: it was to end
		return s.exit, context.Cause(ctx)
	case exit.Fenced:
		return s.exit, executor.ErrFenced
	case exit.Err != "":
		return s.exit, errors.New(exit.Err)
	default:
		return s.exit, nil
	}
}

func (s *show) signal(name string) {
	if err := s.box.conn.Send(shim.Message{Signal: &shim.Signal{Name: name}}); err != nil {
		s.room.engine.log.Debug("the shim is gone", "error", err) // run sees that, and says why
	}
}

// renew tells the shim what the lease is now.
func (s *show) renew() {
	lease, err := s.room.lease()
	if lease == nil || err != nil {
		return // the process has the one before
	}
	if err := s.box.conn.Send(shim.Message{Lease: lease}); err != nil {
		s.room.engine.log.Debug("the shim is gone", "error", err) // run sees that, and says why
	}
}

// vanished says why the shim is gone.
func (s *show) vanished(ctx context.Context) error {
	if s.room.isLeft() {
		return executor.ErrLeft
	}
	fate, err := s.room.engine.fate(ctx, s.box.name)
	switch {
	case err == nil:
		return &executor.GoneError{Reason: fate.Error()}
	case ctx.Err() != nil: // it was to end, and nobody waits for Docker's word
		return context.Cause(ctx)
	}
	return &executor.GoneError{Reason: err.Error()} // its processes ended with the shim, whatever Docker knows
}
