package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Process is one of Tutti, or of Docker. It may be started again and again.
type Process struct {
	t    *T
	Name string
	Args []string // program and arguments
	Env  []string // beside that of the harness
	Log  string   // the file that takes all it says, of every start

	cmd  *exec.Cmd
	done chan struct{} // closed when cmd ended
	err  error         // of cmd, once done
}

// Process makes one that is not started yet; it is killed, at the latest, when the fault ends.
func (t *T) Process(name string, args ...string) *Process {
	p := &Process{t: t, Name: name, Args: args, Log: filepath.Join(t.Dir, name+".log")}
	t.mu.Lock()
	t.logs = append(t.logs, p.Log)
	t.mu.Unlock()
	t.Defer(p.Kill)
	return p
}

// Start starts it, with more in its environment for this one time.
func (p *Process) Start(env ...string) {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	p.t.Must(err, "starting %s", p.Name)
	defer log.Close()
	fmt.Fprintf(log, "--- start %s %s\n", time.Now().Format("15:04:05.000"), strings.Join(env, " "))
	p.cmd = exec.Command(p.Args[0], p.Args[1:]...)
	p.cmd.Env = append(append(append(os.Environ(), "TMPDIR="+filepath.Join(p.t.Dir, "tmp")), p.Env...), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.t.Must(p.cmd.Start(), "starting %s", p.Name)
	p.done, p.err = make(chan struct{}), nil
	go func(cmd *exec.Cmd, done chan struct{}) {
		p.err = cmd.Wait()
		close(done)
	}(p.cmd, p.done)
	p.t.Logf("%s started as process %d %s", p.Name, p.cmd.Process.Pid, strings.Join(env, " "))
}

// Runs says whether it runs.
func (p *Process) Runs() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Logf("%s gets %s", p.Name, s)
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("sending %s to %s: %v", s, p.Name, err)
	}
}

// Kill ends it by SIGKILL, and waits.
func (p *Process) Kill() {
	if !p.Runs() {
		return
	}
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop ends it by SIGTERM, or by SIGKILL after the limit, which is a failure.
func (p *Process) Stop(limit time.Duration) {
	if !p.Runs() {
		return
	}
	p.Signal(syscall.SIGTERM)
	if !p.Ended(limit) {
		p.t.Errorf("%s does not end within %s of SIGTERM", p.Name, limit)
		p.Kill()
	}
}

// Ended waits for its end.
func (p *Process) Ended(limit time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
		return false
	case <-p.t.Ctx.Done():
		return false
	}
}

// Died waits until it ended by itself, as a failpoint makes it.
func (p *Process) Died(limit time.Duration) {
	if !p.Ended(limit) {
		p.t.Fatalf("%s still runs after %s, and was to die at its failpoint", p.Name, limit)
	}
	p.t.Logf("%s died: %v", p.Name, p.err)
}

// ExitCode waits for its end and answers the code, -1 if a signal ended it.
func (p *Process) ExitCode(limit time.Duration) int {
	if !p.Ended(limit) {
		p.t.Fatalf("%s still runs after %s", p.Name, limit)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Says answers all that it said so far.
func (p *Process) Says() string {
	data, err := os.ReadFile(p.Log)
	p.t.Must(err, "reading what %s says", p.Name)
	return string(data)
}

// Usage is what a process takes of the machine.
type Usage struct {
	RSS         int64 // bytes
	Descriptors int
	Threads     int
}

// Usage reads it from the kernel.
func (p *Process) Usage() Usage {
	var u Usage
	folder := fmt.Sprintf("/proc/%d", p.PID())
	status, err := os.ReadFile(folder + "/status")
	p.t.Must(err, "reading the status of %s", p.Name)
	for _, line := range strings.Split(string(status), "\n") {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64) // 0 for what is no number
		switch key {
		case "VmRSS":
			u.RSS = n << 10
		case "Threads":
			u.Threads = int(n)
		}
	}
	open, err := os.ReadDir(folder + "/fd")
	p.t.Must(err, "reading the descriptors of %s", p.Name)
	u.Descriptors = len(open)
	return u
}

// Peak is the most memory that it ever had.
func (p *Process) Peak() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	p.t.Must(err, "reading the status of %s", p.Name)
	for _, line := range strings.Split(string(status), "\n") {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}
