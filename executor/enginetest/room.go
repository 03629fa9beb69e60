package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/shim"
	"github.com/tutti-ci/tutti/executor/shim/mask"
	"github.com/tutti-ci/tutti/executor/shim/untar"
)

var errLost = &executor.GoneError{Reason: "its process was removed by somebody"}

// fakeRoom is an agent's hold on a place.
type fakeRoom struct {
	fake    *Fake
	spec    executor.RoomSpec
	place   *place
	left    chan struct{} // closed by leaves
	leaves  func()
	renewed chan struct{} // has room for one
}

func (r *fakeRoom) workspace() string { return filepath.Join(r.place.dir, "workspace") }

// Renew implements executor.Room.
func (r *fakeRoom) Renew() {
	select {
	case r.renewed <- struct{}{}:
	default:
	}
}

// Leave implements executor.Room.
func (r *fakeRoom) Leave() {
	r.fake.drop(r)
	r.leaves()
}

func (r *fakeRoom) gone() bool {
	select {
	case <-r.left:
		return true
	default:
		return false
	}
}

// Close implements executor.Room.
func (r *fakeRoom) Close(context.Context) error {
	if r.gone() {
		return nil
	}
	r.fake.drop(r)
	r.place.machine.forget(nameOf(r.spec), r.place)
	return r.place.remove()
}

// Run implements executor.Room. The user of the step does not matter: all is this process's.
func (r *fakeRoom) Run(ctx context.Context, step executor.Step, out executor.Output) (executor.Exit, error) {
	switch {
	case r.gone():
		return executor.Exit{}, executor.ErrLeft
	case ctx.Err() != nil:
		return executor.Exit{}, context.Cause(ctx)
	case r.fake.Trouble != nil:
		return executor.Exit{}, r.fake.Trouble
	case step.Image == MissingImage:
		return executor.Exit{}, &executor.ImageError{Image: step.Image, Err: errors.New("there is no such image")}
	}
	if err := r.furnish(ctx); err != nil {
		return executor.Exit{}, err
	}
	p := &fakeProcess{
		step: step, masks: mask.New(step.Masks), outputs: filepath.Join(r.place.dir, ".output"),
		now: r.place.machine.now, done: make(chan struct{}),
	}
	if err := p.open(out); err != nil {
		return executor.Exit{}, err
	}
	refused, err := r.prepare(p)
	if err != nil || refused != nil {
		return p.refuse(refused), errors.Join(err, p.close())
	}
	return r.begin(ctx, p, out)
}

// begin begins a process and sees it through to its end.
func (r *fakeRoom) begin(ctx context.Context, p *fakeProcess, out executor.Output) (executor.Exit, error) {
	p.extend(r.spec.Lease)
	if p.fenced() {
		return executor.Exit{}, errors.Join(executor.ErrFenced, p.close())
	}
	ticket := r.place.ticket()
	if out.Going != nil {
		if err := out.Going(ticket); err != nil {
			return executor.Exit{}, errors.Join(err, p.close())
		}
	}
	if r.gone() {
		return executor.Exit{}, errors.Join(executor.ErrLeft, p.close())
	}
	if err := p.start(out.Wrote); err != nil {
		return executor.Exit{}, err
	}
	r.place.keep(ticket, p)
	out.Began()
	return r.see(ctx, p)
}

// Rejoin implements executor.Room.
func (r *fakeRoom) Rejoin(ctx context.Context, _ executor.Step, out executor.Output, ticket executor.Ticket) (executor.Exit, error) {
	p, lost := r.place.process(ticket)
	switch {
	case r.gone():
		return executor.Exit{}, executor.ErrLeft
	case p == nil && lost:
		return executor.Exit{}, errLost
	case p == nil:
		return executor.Exit{}, executor.ErrNotBegun
	}
	p.extend(r.spec.Lease)
	p.tellTo(out.Wrote)
	return r.see(ctx, p)
}

// see waits for the end of a process, and brings it about when ctx ends.
func (r *fakeRoom) see(ctx context.Context, p *fakeProcess) (executor.Exit, error) {
	var kill <-chan time.Time
	canceled := ctx.Done()
	for {
		select {
		case <-p.done: // also if ctx ended meanwhile
			return r.result(ctx, p, canceled == nil)
		default:
		}
		select {
		case <-p.done:
		case <-r.left:
			p.tellTo(nil)
			return executor.Exit{}, executor.ErrLeft
		case <-r.renewed:
			p.extend(r.spec.Lease)
		case <-canceled:
			if r.gone() || errors.Is(context.Cause(ctx), executor.ErrLeft) {
				p.tellTo(nil)
				return executor.Exit{}, executor.ErrLeft
			}
			canceled = nil
			p.kill(syscall.SIGTERM)
			grace := r.fake.Grace
			if grace == 0 {
				grace = time.Second
			}
			kill = time.After(grace)
		case <-kill:
			p.kill(syscall.SIGKILL)
		}
	}
}

func (r *fakeRoom) result(ctx context.Context, p *fakeProcess, interrupted bool) (executor.Exit, error) {
	if p.err == nil && interrupted {
		return p.exit, context.Cause(ctx)
	}
	return p.exit, p.err
}

func (r *fakeRoom) furnish(ctx context.Context) error {
	r.place.mu.Lock()
	defer r.place.mu.Unlock()
	if r.place.furnished {
		return nil
	}
	r.place.furnished = true
	if err := os.MkdirAll(r.workspace(), 0o755); err != nil {
		return err
	}
	if r.spec.Workspace == nil {
		return nil
	}
	tar, err := r.spec.Workspace(ctx)
	if err != nil {
		return fmt.Errorf("fetching the workspace: %w", err)
	}
	defer tar.Close()
	return untar.Unpack(r.workspace(), tar, untar.Owner{UID: -1, GID: -1})
}

// prepare makes ready what the process needs, or answers why it cannot be started from what the image holds.
func (r *fakeRoom) prepare(p *fakeProcess) (*refusal, error) {
	if info, err := os.Stat(filepath.Join(r.workspace(), p.step.Workdir)); err != nil || !info.IsDir() {
		return &refusal{126, fmt.Sprintf("the workdir %q is not in the workspace", p.step.Workdir)}, nil
	}
	argv, err := r.argv(p.step.Activity)
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return &refusal{127, "the command " + argv[0] + " is not in the image"}, nil
	}
	if err := errors.Join(os.RemoveAll(p.outputs), os.Mkdir(p.outputs, 0o700)); err != nil {
		return nil, fmt.Errorf("making the folder of outputs: %w", err)
	}
	p.cmd = &exec.Cmd{
		Path: program, Args: argv, Dir: filepath.Join(r.workspace(), p.step.Workdir), SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.place.dir}
	for name, value := range p.step.Env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Env = append(p.cmd.Env, shim.OutputVariable+"="+p.outputs)
	return nil, nil
}

func (r *fakeRoom) argv(activity plan.Activity) ([]string, error) {
	if len(activity.Command) > 0 {
		return activity.Command, nil
	}
	script := filepath.Join(r.place.dir, activity.Name)
	if err := os.WriteFile(script, []byte(activity.Script), 0o755); err != nil {
		return nil, err
	}
	switch activity.Shell {
	case plan.ShellNone:
		return []string{script}, nil
	case plan.ShellBash:
		return []string{"bash", "-euo", "pipefail", script}, nil
	default:
		return []string{"sh", "-eu", script}, nil
	}
}
