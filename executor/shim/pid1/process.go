//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/executor/shim"
	"github.com/tutti-ci/tutti/executor/shim/mask"
)

// A process is the one of an activity, from its Go to its Exit.
type process struct {
	order  shim.Go
	ground *ground
	masks  *mask.Set
	tell   func(shim.Message)

	pid    int
	began  time.Time
	spool  *shim.Spool
	output *output
	dir    string // where it starts
	script string // its file, if there is one
	before footing
	kills  int64  // of the kernel for want of memory, before the process began
	lease  *lease // nil: for ever

	exit *shim.Exit // guarded by the Shim's mu
}

// A startError says why a process could not be started, with the exit code that a shell would give.
type startError struct {
	code   int
	reason string
}

func (e *startError) Error() string { return e.reason }

// errFenced is the end of a process that the agent did not want to be there any more, as far as anybody can tell.
var errFenced = errors.New("the agent was not heard of in time: the process was ended when its lease was over")

// start starts the process. The files are the log and its marks; the process keeps copies of them.
func (p *process) start(files []*os.File) error {
	if len(files) != 2 {
		return fmt.Errorf("%d files came with the order instead of log and marks", len(files))
	}
	log, err := duplicate(files[0])
	if err != nil {
		return err
	}
	marks, err := duplicate(files[1])
	if err != nil {
		return errors.Join(err, log.Close())
	}
	p.began = time.Now()
	if p.spool, err = shim.ContinueSpool(log, marks, p.began.Add(-p.order.Age)); err != nil {
		return errors.Join(err, closeFiles(log, marks))
	}
	p.spool.Limit(p.order.LogLimit)
	p.output = &output{spool: p.spool, log: log, marks: marks, masks: p.masks, tell: p.tell}

	who, err := findUser(p.order.User)
	if err != nil {
		return &startError{126, err.Error()}
	}
	if p.dir, err = p.workdir(); err != nil {
		return err
	}
	env := p.environment(who)
	argv, err := p.argv(env)
	if err != nil {
		return err
	}
	if err := p.ground.makeOutputs(who); err != nil {
		return err
	}
	if p.before, err = p.ground.look(); err != nil {
		return fmt.Errorf("looking around: %w", err)
	}
	p.kills = oomKills()
	if p.lease.over() {
		return errFenced
	}
	return p.spawn(argv, env, who)
}

func (p *process) spawn(argv, env []string, who identity) error {
	stdout, stderr, err := p.output.open(who)
	if err != nil {
		return err
	}
	defer stdout.Close()
	defer stderr.Close()
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("opening stdin: %w", err)
	}
	defer stdin.Close()

	restore := preferVictim()
	defer restore()
	p.pid, err = syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir:   p.dir,
		Env:   env,
		Files: []uintptr{stdin.Fd(), stdout.Fd(), stderr.Fd()},
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Credential: &syscall.Credential{Uid: uint32(who.uid), Gid: uint32(who.gid), Groups: who.groups},
		},
	})
	if err != nil {
		return p.spawnError(argv[0], err)
	}
	return nil
}

// see waits for the end of the process, ends all others, and answers what became of it once every byte is written.
func (p *process) see() *shim.Exit {
	p.output.read() // now, so that Started is said before anything about bytes
	status, fenced := p.await()
	took := time.Since(p.began)
	err := p.output.drain()
	if fenced {
		err = errors.Join(errFenced, err)
	}

	exit := p.result()
	exit.Fenced = fenced
	exit.Took = took
	exit.Code = status.ExitStatus()
	if status.Signaled() {
		exit.Code = 128 + int(status.Signal())
		exit.Signal = signalName(status.Signal())
	}
	exit.OOM = oomKills() > p.kills
	exit.Outputs, exit.OutputsErr = p.order.Outputs.Read(p.ground.outputs(), p.masks)
	exit.Traces, err = p.tidy(err)
	if err != nil {
		exit.Err = err.Error()
	}
	return exit
}

// await waits for the end of the process, and brings it about when its lease is over or its log broken. It says whether the
// former was what ended it.
func (p *process) await() (status syscall.WaitStatus, fenced bool) {
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-p.output.broken: // the log cannot be written: what the process does from here on would be lost
			p.signal(shim.Kill)
		case <-stop:
		}
	})
	watch.Go(func() {
		if fenced = p.lease.wait(stop); fenced {
			p.signal(shim.Kill)
		}
	})
	status = p.reap()
	close(stop)
	watch.Wait()
	return status, fenced && status.Signal() == syscall.SIGKILL
}

// reap waits until the process has ended, ends all the others then, and waits for them as well. Orphans of the container
// become our children, so that no zombie stays.
func (p *process) reap() syscall.WaitStatus {
	var result syscall.WaitStatus
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // ECHILD: nobody is left
			return result
		case pid == p.pid:
			result = status
			_ = syscall.Kill(-1, syscall.SIGKILL) // ESRCH if nobody is left
		}
	}
}

// failed answers the exit of a process that did not start.
func (p *process) failed(err error) *shim.Exit {
	exit := p.result()
	exit.Fenced = errors.Is(err, errFenced)
	var start *startError
	if errors.As(err, &start) {
		exit.Code, exit.Reason = start.code, p.masks.Mask(start.reason)
		err = nil
	}
	if p.output != nil {
		err = errors.Join(err, p.output.drain())
	}
	if exit.Traces, err = p.tidy(err); err != nil {
		exit.Err = err.Error()
	}
	return exit
}

// result answers the exit as far as the spool knows it.
func (p *process) result() *shim.Exit {
	exit := &shim.Exit{}
	if p.spool != nil {
		exit.Log, exit.Marks = p.spool.Ends()
		exit.SHA256 = p.spool.Sum()
		exit.Omitted = p.spool.Omitted()
	}
	return exit
}

// tidy looks at what the process left behind and puts right what other containers share with this one.
func (p *process) tidy(err error) (traces string, _ error) {
	traces, tidyErr := p.ground.tidy(p.before, p.script)
	if tidyErr != nil {
		err = errors.Join(err, fmt.Errorf("tidying up: %w", tidyErr))
	}
	return traces, err
}

// stalled answers why the log cannot be written for now; empty if it can.
func (p *process) stalled() string {
	if p.output == nil {
		return ""
	}
	if reason := p.output.stalled.Load(); reason != nil {
		return *reason
	}
	return ""
}

func (p *process) wrote() *shim.Wrote {
	if p.spool == nil {
		return nil
	}
	log, marks := p.spool.Ends()
	return &shim.Wrote{Log: log, Marks: marks}
}

// age answers the time since the process began; 0 if it never did.
func (p *process) age() time.Duration {
	if p.pid == 0 {
		return 0
	}
	return time.Since(p.began)
}

// signal passes a signal on. The process is the leader of its group.
func (p *process) signal(name string) {
	if p.pid == 0 {
		return
	}
	// ESRCH is no trouble: who has ended needs no signal.
	if name == shim.Kill {
		p.spool.Hurry()
		_ = syscall.Kill(-1, syscall.SIGKILL)
		return
	}
	_ = syscall.Kill(-p.pid, syscall.SIGTERM)
}

func duplicate(f *os.File) (*os.File, error) {
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return nil, fmt.Errorf("keeping a file open: %w", errno)
	}
	return os.NewFile(fd, f.Name()), nil
}
