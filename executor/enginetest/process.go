package enginetest

import (
	"errors"
	"fmt"
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

// leaseLook is the time between two looks at a lease.
const leaseLook = 20 * time.Millisecond

// fakeProcess is one process and its group. Once started it belongs to its machine, and writes whether there is an agent or
// not.
type fakeProcess struct {
	cmd        *exec.Cmd
	step       executor.Step
	masks      *mask.Set
	outputs    string   // the folder
	log, marks *os.File // its own
	began      time.Time
	spool      *shim.Spool
	readers    sync.WaitGroup
	now        func() time.Duration

	done chan struct{} // closed when exit and err may be read
	exit executor.Exit
	err  error

	mu    sync.Mutex // guards what follows
	tell  func(logEnd, marksEnd int64)
	lease time.Duration // when it is over; 0 is never
	lost  bool          // it is being removed by somebody
}

// A refusal is why a process could not be started.
type refusal struct {
	code   int
	reason string
}

// open opens the spool. The files of the agent are closed with it; the process has its own.
func (p *fakeProcess) open(out executor.Output) (err error) {
	p.began = time.Now()
	since := out.Since
	if since.IsZero() {
		since = p.began
	}
	if p.log, err = duplicate(out.Log); err != nil {
		return err
	}
	if p.marks, err = duplicate(out.Marks); err != nil {
		return errors.Join(err, p.log.Close())
	}
	p.spool, err = shim.ContinueSpool(p.log, p.marks, since)
	return err
}

func duplicate(f *os.File) (*os.File, error) {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("keeping a file open: %w", err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func (p *fakeProcess) close() error { return errors.Join(p.log.Close(), p.marks.Close()) }

// refuse answers the exit of a process that could not be started.
func (p *fakeProcess) refuse(why *refusal) executor.Exit {
	if why == nil {
		return executor.Exit{}
	}
	exit := executor.Exit{Code: why.code, Reason: p.masks.Mask(why.reason), LogSHA256: p.spool.Sum()}
	exit.LogBytes, _ = p.spool.Ends()
	return exit
}

// start starts the process, and what sees it through to its end.
func (p *fakeProcess) start(tell func(logEnd, marksEnd int64)) error {
	p.tellTo(tell)
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
		return errors.Join(err, p.close())
	}
	go p.live() // its machine waits for it: see lose
	return nil
}

// live waits for the end of the process, or for that of its lease.
func (p *fakeProcess) live() {
	defer close(p.done)
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }() // answered below
	look := time.NewTicker(leaseLook)
	defer look.Stop()
	fenced := false
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-look.C:
			if p.fenced() {
				fenced = true
				p.kill(syscall.SIGKILL)
			}
		}
	}
	finished := time.Now()
	p.kill(syscall.SIGKILL) // what it left behind
	p.readers.Wait()
	p.exit, p.err = p.result(finished), errors.Join(p.spool.Err(), p.close())
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case fenced:
		p.err = executor.ErrFenced
	case p.lost:
		p.err = errLost
	}
}

func (p *fakeProcess) result(finished time.Time) executor.Exit {
	exit := executor.Exit{Started: p.began, Finished: finished, Code: p.cmd.ProcessState.ExitCode(), LogSHA256: p.spool.Sum()}
	exit.LogBytes, _ = p.spool.Ends()
	exit.Outputs, exit.OutputsErr = order(p.step.Outputs).Read(p.outputs, p.masks)
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit.Code = 128 + int(status.Signal())
		exit.Signal = signalName(status.Signal())
	}
	return exit
}

func signalName(s syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGTERM: "SIGTERM", syscall.SIGKILL: "SIGKILL", syscall.SIGSEGV: "SIGSEGV", syscall.SIGINT: "SIGINT",
	}
	return names[s]
}

func (p *fakeProcess) copy(r *os.File, stderr bool) {
	defer r.Close()
	buf, inlet := make([]byte, 64<<10), p.spool.Inlet(stderr, p.masks)
	for {
		n, err := r.Read(buf)
		if n > 0 && inlet.Write(buf[:n]) == nil {
			p.wrote()
		}
		if err != nil {
			if inlet.Flush() == nil {
				p.wrote()
			}
			return
		}
	}
}

// tellTo says who hears of bytes from now on; nil means nobody. Whoever is new hears of those that are there.
func (p *fakeProcess) tellTo(tell func(logEnd, marksEnd int64)) {
	p.mu.Lock()
	p.tell = tell
	p.mu.Unlock()
	if logEnd, _ := p.spool.Ends(); logEnd > 0 {
		p.wrote()
	}
}

func (p *fakeProcess) wrote() {
	p.mu.Lock()
	defer p.mu.Unlock() // so that nobody is told after another took his place
	if p.tell != nil {
		p.tell(p.spool.Ends())
	}
}

// extend takes in what a lease answers now.
func (p *fakeProcess) extend(lease func() time.Duration) {
	if lease == nil {
		return
	}
	until := lease()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lease = max(p.lease, until) // 0 is not known yet
}

func (p *fakeProcess) fenced() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lease != 0 && p.now() >= p.lease
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

// lose ends the process, and answers when it has ended.
func (p *fakeProcess) lose() {
	select {
	case <-p.done:
		return // its number may be another's by now
	default:
	}
	p.mu.Lock()
	p.lost = true
	p.mu.Unlock()
	p.kill(syscall.SIGKILL)
	<-p.done
}

// kill signals the whole group; nobody may be left in it.
func (p *fakeProcess) kill(signal syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, signal) }
