package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/shim"
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

// Run implements executor.Room.
func (r *fakeRoom) Run(ctx context.Context, activity plan.Activity, out executor.Output) (executor.Exit, error) {
	switch {
	case ctx.Err() != nil:
		return executor.Exit{}, context.Cause(ctx)
	case r.fake.Trouble != nil:
		return executor.Exit{}, r.fake.Trouble
	case activity.Image == MissingImage:
		return executor.Exit{}, &executor.ImageError{Image: activity.Image, Err: errors.New("there is no such image")}
	}
	if err := r.furnish(ctx); err != nil {
		return executor.Exit{}, err
	}
	argv, err := r.argv(activity)
	if err != nil {
		return executor.Exit{}, err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return executor.Exit{Code: 127, Reason: "the command " + argv[0] + " is not in the image"}, nil
	}
	p := &fakeProcess{out: out, grace: r.fake.Grace}
	p.cmd = &exec.Cmd{Path: program, Args: argv, Dir: r.workspace(), SysProcAttr: &syscall.SysProcAttr{Setpgid: true}}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir}
	for name, value := range activity.Env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
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

// fakeProcess is one process and its group.
type fakeProcess struct {
	cmd     *exec.Cmd
	out     executor.Output
	grace   time.Duration
	spool   *shim.Spool
	readers sync.WaitGroup
}

func (p *fakeProcess) run(ctx context.Context) (executor.Exit, error) {
	started := time.Now()
	p.spool = shim.NewSpool(p.out.Log, p.out.Marks, started)
	if err := p.start(); err != nil {
		return executor.Exit{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }() // answered by wait, below
	interrupted := p.wait(ctx, ended)
	finished := time.Now()
	p.kill(syscall.SIGKILL) // what it left behind
	p.readers.Wait()

	exit := executor.Exit{Started: started, Finished: finished, Code: p.cmd.ProcessState.ExitCode(), LogSHA256: p.spool.Sum()}
	exit.LogBytes, _ = p.spool.Ends()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit.Code = 128 + int(status.Signal())
		exit.Signal = signalName(status.Signal())
	}
	if err := p.spool.Err(); err != nil {
		return exit, err
	}
	if interrupted {
		return exit, context.Cause(ctx)
	}
	return exit, nil
}

func signalName(s syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGTERM: "SIGTERM", syscall.SIGKILL: "SIGKILL", syscall.SIGSEGV: "SIGSEGV", syscall.SIGINT: "SIGINT",
	}
	return names[s]
}

func (p *fakeProcess) start() error {
	var ends []*os.File
	for _, stderr := range []bool{false, true} {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		ends = append(ends, w)
		p.readers.Go(func() { p.copy(r, stderr) })
	}
	p.cmd.Stdout, p.cmd.Stderr = ends[0], ends[1]
	err := p.cmd.Start()
	for _, w := range ends {
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		p.readers.Wait()
		return err
	}
	p.out.Began()
	return nil
}

func (p *fakeProcess) copy(r *os.File, stderr bool) {
	defer r.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 && p.spool.Write(stderr, buf[:n]) == nil {
			p.out.Wrote(p.spool.Ends())
		}
		if err != nil {
			return
		}
	}
}

// wait waits for the end, and brings it about when ctx ends.
func (p *fakeProcess) wait(ctx context.Context, ended <-chan error) (interrupted bool) {
	select {
	case <-ended:
		return false
	case <-ctx.Done():
	}
	p.kill(syscall.SIGTERM)
	grace := p.grace
	if grace == 0 {
		grace = time.Second
	}
	select {
	case <-ended:
	case <-time.After(grace):
		p.kill(syscall.SIGKILL)
		<-ended
	}
	return true
}

// kill signals the whole group; nobody may be left in it.
func (p *fakeProcess) kill(signal syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, signal) }
