package enginetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/shim"
	"github.com/tutti-ci/tutti/executor/shim/mask"
)

// fakeProcess is one process and its group.
type fakeProcess struct {
	cmd     *exec.Cmd
	step    executor.Step
	masks   *mask.Set
	outputs string // the folder
	out     executor.Output
	grace   time.Duration
	began   time.Time
	spool   *shim.Spool
	readers sync.WaitGroup
}

// open opens the spool.
func (p *fakeProcess) open() (err error) {
	p.began = time.Now()
	since := p.out.Since
	if since.IsZero() {
		since = p.began
	}
	p.spool, err = shim.ContinueSpool(p.out.Log, p.out.Marks, since)
	return err
}

// refuse answers the exit of a process that could not be started.
func (p *fakeProcess) refuse(code int, reason string) executor.Exit {
	exit := executor.Exit{Code: code, Reason: p.masks.Mask(reason), LogSHA256: p.spool.Sum()}
	exit.LogBytes, _ = p.spool.Ends()
	return exit
}

func (p *fakeProcess) run(ctx context.Context) (executor.Exit, error) {
	if err := p.start(); err != nil {
		return executor.Exit{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }() // answered by wait, below
	interrupted := p.wait(ctx, ended)
	finished := time.Now()
	p.kill(syscall.SIGKILL) // what it left behind
	p.readers.Wait()

	exit := executor.Exit{Started: p.began, Finished: finished, Code: p.cmd.ProcessState.ExitCode(), LogSHA256: p.spool.Sum()}
	exit.LogBytes, _ = p.spool.Ends()
	exit.Outputs, exit.OutputsErr = order(p.step.Outputs).Read(p.outputs, p.masks)
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
	buf, inlet := make([]byte, 64<<10), p.spool.Inlet(stderr, p.masks)
	for {
		n, err := r.Read(buf)
		if n > 0 && inlet.Write(buf[:n]) == nil {
			p.out.Wrote(p.spool.Ends())
		}
		if err != nil {
			if inlet.Flush() == nil {
				p.out.Wrote(p.spool.Ends())
			}
			return
		}
	}
}

// order says which outputs are wanted.
func order(declared []plan.Output) shim.OutputOrder {
	o := shim.OutputOrder{MaxEach: executor.MaxOutput, MaxAll: executor.MaxOutputs}
	for _, d := range declared {
		o.Names = append(o.Names, d.Name)
		if !d.Sensitive {
			o.Open = append(o.Open, d.Name)
		}
	}
	return o
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
