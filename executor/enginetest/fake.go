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

// MissingImage is the name of an image that no engine can have: there is no registry at its place.
const MissingImage = "127.0.0.1:1/tutti-test/none:latest"

var _ executor.Engine = (*Fake)(nil)

// Fake is an engine without containers: activities are processes of this machine, in a folder of their own. It passes the
// same suite as the real one, and is for the tests of whoever uses an engine.
type Fake struct {
	Grace time.Duration // between SIGTERM and SIGKILL; 0 means 1 s
	Err   error         // what Open answers, if set
	// Trouble is what every Run answers instead of running anything, if set.
	Trouble error
}

// Check answers that the engine can work.
func (f *Fake) Check(context.Context) error { return nil }

// Sweep removes nothing: a fake leaves nothing.
func (f *Fake) Sweep(context.Context) error { return nil }

// Open implements executor.Engine.
func (f *Fake) Open(_ context.Context, spec executor.RoomSpec) (executor.Room, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	dir, err := os.MkdirTemp("", "tutti-fake-")
	if err != nil {
		return nil, fmt.Errorf("opening a fake room: %w", err)
	}
	return &fakeRoom{fake: f, spec: spec, dir: dir}, nil
}

type fakeRoom struct {
	fake      *Fake
	spec      executor.RoomSpec
	dir       string
	furnished bool
}

func (r *fakeRoom) workspace() string { return filepath.Join(r.dir, "workspace") }

// Close implements executor.Room. No process is left: Run waits for them.
func (r *fakeRoom) Close(context.Context) error { return os.RemoveAll(r.dir) }

// Run implements executor.Room. The user of the step does not matter: all is this process's.
func (r *fakeRoom) Run(ctx context.Context, step executor.Step, out executor.Output) (executor.Exit, error) {
	switch {
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
	p := &fakeProcess{out: out, grace: r.fake.Grace, step: step, masks: mask.New(step.Masks), outputs: filepath.Join(r.dir, ".output")}
	if err := p.open(); err != nil {
		return executor.Exit{}, err
	}
	if info, err := os.Stat(filepath.Join(r.workspace(), step.Workdir)); err != nil || !info.IsDir() {
		return p.refuse(126, fmt.Sprintf("the workdir %q is not in the workspace", step.Workdir)), nil
	}
	argv, err := r.argv(step.Activity)
	if err != nil {
		return executor.Exit{}, err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return p.refuse(127, "the command "+argv[0]+" is not in the image"), nil
	}
	if err := errors.Join(os.RemoveAll(p.outputs), os.Mkdir(p.outputs, 0o700)); err != nil {
		return executor.Exit{}, fmt.Errorf("making the folder of outputs: %w", err)
	}
	p.cmd = &exec.Cmd{
		Path: program, Args: argv, Dir: filepath.Join(r.workspace(), step.Workdir), SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir}
	for name, value := range step.Env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Env = append(p.cmd.Env, shim.OutputVariable+"="+p.outputs)
	return p.run(ctx)
}

func (r *fakeRoom) furnish(ctx context.Context) error {
	if r.furnished {
		return nil
	}
	r.furnished = true
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

func (r *fakeRoom) argv(activity plan.Activity) ([]string, error) {
	if len(activity.Command) > 0 {
		return activity.Command, nil
	}
	script := filepath.Join(r.dir, activity.Name)
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
