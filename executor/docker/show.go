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
	activity plan.Activity
	out      executor.Output
	exit     executor.Exit
}

// show sends the Go.
func (r *room) show(ctx context.Context, c *box, activity plan.Activity, out executor.Output) (*show, error) {
	s := &show{room: r, box: c, activity: activity, out: out}
	err := c.conn.Send(shim.Message{
		Go: &shim.Go{
			Activity: activity.Name,
			Script:   activity.Script,
			Shell:    string(activity.Shell),
			Command:  activity.Command,
			Env:      environment(c.img.env, activity.Env),
			User:     c.img.user,
			Dir:      shim.Workspace,
			Token:    rand.Text(),
		},
		Files: []*os.File{out.Log, out.Marks},
	})
	if err != nil {
		return nil, s.vanished(ctx, err)
	}
	return s, nil
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
	next, wait, ok := s.room.after(s.box, s.activity)
	if ok {
		spare = time.After(wait)
	}
	canceled := ctx.Done()
	for {
		select {
		case m, ok := <-s.box.in:
			if !ok {
				return s.exit, s.vanished(ctx, nil)
			}
			if s.take(m) {
				return s.result(ctx, m.Exit, canceled == nil)
			}
		case <-spare:
			s.room.prepare(ctx, next)
		case <-canceled:
			canceled, spare = nil, nil
			s.signal(shim.Term)
			grace = time.After(s.room.engine.config.Grace)
		case <-grace:
			s.signal(shim.Kill)
			limit = time.After(killLimit)
		case <-limit:
			return s.exit, fmt.Errorf("a process of %s did not end within %s of SIGKILL", s.activity.Name, killLimit)
		}
	}
}

// take takes a message in and says whether it is the last one.
func (s *show) take(m shim.Message) (last bool) {
	switch {
	case m.Started != nil:
		s.exit.Started = time.Now()
		s.out.Began()
	case m.Wrote != nil:
		s.out.Wrote(m.Wrote.Log, m.Wrote.Marks)
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
	s.exit.Limit = s.room.engine.config.Memory
	s.exit.LogBytes = exit.Log
	s.exit.LogSHA256 = exit.SHA256
	if !s.exit.Started.IsZero() {
		s.exit.Finished = s.exit.Started.Add(exit.Took)
	}
	switch {
	case exit.Err != "":
		return s.exit, errors.New(exit.Err)
	case interrupted:
		return s.exit, context.Cause(ctx)
	default:
		return s.exit, nil
	}
}

func (s *show) signal(name string) {
	if err := s.box.conn.Send(shim.Message{Signal: &shim.Signal{Name: name}}); err != nil {
		s.room.engine.log.Debug("the shim is gone", "error", err) // run sees that, and says why
	}
}

// vanished says why the shim is gone; err is the first sign of that, if there was one.
func (s *show) vanished(ctx context.Context, err error) error {
	ended := s.room.engine.ended(ctx, s.box)
	if ended == nil {
		ended = errors.New("the connection to its shim broke")
	}
	return errors.Join(fmt.Errorf("running %s: %w", s.activity.Name, ended), err)
}
