//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/executor/shim"
	"github.com/tutti-ci/tutti/executor/shim/untar"
)

// Shim is PID 1 of a container.
type Shim struct {
	Socket  string // where the agent listens
	Scripts string // the folder for scripts

	ground *ground
	masks  maskSet // of the last Go that had any

	mu      sync.Mutex // guards what follows
	conn    *shim.Conn // nil while there is no agent
	token   string
	process *process // the last one; nil before the first Go
}

// Serve holds the conversation with the agent, again and again, until the container is removed, or the agent has removed the folder of
// their socket: then nobody will ever come again, and Docker may have forgotten the container. The error says why it could not begin.
func (s *Shim) Serve() error {
	if os.Getpid() != 1 {
		// It ends every process that it can see; outside of a container that would be all of the host's.
		return errors.New("this program is PID 1 of a container that tutti made, and nothing else")
	}
	if err := harden(); err != nil {
		return err
	}
	var err error
	if s.ground, err = survey(s.Scripts); err != nil {
		return fmt.Errorf("looking around: %w", err)
	}
	const soon, late = 20 * time.Millisecond, time.Second
	for wait := time.Duration(0); ; {
		time.Sleep(wait)
		wait = min(max(2*wait, soon), late)
		unix, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.Socket, Net: "unix"})
		switch {
		case errors.Is(err, syscall.EAGAIN): // others dial as well, until the agent has no room for more
			wait = soon
		case err == nil:
			if s.converse(shim.NewConn(unix)) { // otherwise the door was slammed
				wait = soon
			}
		case s.givenUp():
			return nil // and with PID 1 every process ends
		}
	}
}

// givenUp says whether the folder of the socket was removed on the host; here it is still there, as the mount of a folder without a name.
func (s *Shim) givenUp() bool {
	var dir syscall.Stat_t
	return syscall.Stat(filepath.Dir(s.Socket), &dir) == nil && dir.Nlink == 0
}

// harden keeps the processes of the container away from this one: they may not trace it, read its memory or see its
// descriptors, and the signals that they send it do nothing.
func harden() error {
	const prSetDumpable = 4
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0); errno != 0 {
		return fmt.Errorf("forbidding to be traced: %w", errno)
	}
	// They are caught rather than ignored, because an ignored signal stays ignored in the processes that we start. SIGURG and
	// SIGCHLD are not caught: the former is the Go runtime's own, the latter does nothing by default.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGALRM, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE,
		syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGSYS, syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGPROF,
		syscall.SIGVTALRM, syscall.SIGSTKFLT, syscall.SIGPWR, syscall.SIGIO, syscall.SIGWINCH)
	return nil
}

// converse says Hello and obeys until the connection ends. It says whether it was told anything.
func (s *Shim) converse(conn *shim.Conn) (told bool) {
	defer conn.Close()
	defer s.hangUp()
	if err := s.greet(conn); err != nil {
		return false
	}
	for ; ; told = true {
		m, err := conn.Receive()
		if err != nil {
			return told
		}
		s.obey(m)
		for _, f := range m.Files {
			_ = f.Close() // the process has its own copies
		}
	}
}

// greet says what is so now and takes conn into use: whatever changes later is sent on it.
func (s *Shim) greet(conn *shim.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock() // nothing else may be sent before Hello
	h := &shim.Hello{Version: shim.Version, Token: s.token, Upper: s.ground.upper, Single: s.ground.single}
	stalled := ""
	if s.process != nil {
		h.Wrote = s.process.wrote()
		h.Exit = s.process.exit
		h.Age = s.process.age()
		if h.Exit == nil {
			stalled = s.process.stalled()
		}
	}
	s.conn = conn
	if err := conn.Send(shim.Message{Hello: h}); err != nil || stalled == "" {
		return err
	}
	return conn.Send(shim.Message{Stalled: &shim.Stalled{Reason: stalled}})
}

func (s *Shim) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = nil
}

func (s *Shim) obey(m shim.Message) {
	switch {
	case m.Unpack != nil:
		s.send(shim.Message{Unpacked: unpack(m)})
	case m.Go != nil:
		s.start(*m.Go, m.Files)
	case m.Signal != nil:
		s.signal(m.Signal.Name)
	case m.Lease != nil:
		s.renew(m.Lease.Until)
	}
}

// send tells the agent, if there is one. A message that is lost with the connection is said again by the next Hello.
func (s *Shim) send(m shim.Message) {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	sendOn(conn, m)
}

func sendOn(conn *shim.Conn, m shim.Message) {
	if conn == nil {
		return
	}
	if err := conn.Send(m); err != nil {
		_ = conn.Close() // converse sees that, and dials again
	}
}

func unpack(m shim.Message) *shim.Unpacked {
	if err := unpackInto(*m.Unpack, m.Files); err != nil {
		return &shim.Unpacked{Err: err.Error()}
	}
	return &shim.Unpacked{}
}

func unpackInto(order shim.Unpack, files []*os.File) error {
	who, err := findUser(order.User)
	if err != nil {
		who = identity{} // the activity whose user it is says so, when its turn comes
	}
	// Activities of several users share the workspace.
	if err := os.Chmod(order.Dir, 0o777); err != nil {
		return fmt.Errorf("opening the workspace to all users: %w", err)
	}
	if len(files) == 0 {
		return nil
	}
	return untar.Unpack(order.Dir, files[0], untar.Owner{UID: who.uid, GID: who.gid})
}

// start starts a process, and a goroutine that sees it through to its Exit. There is never more than one: the agent sends
// the next Go after the Exit of the one before.
func (s *Shim) start(order shim.Go, files []*os.File) {
	p := &process{order: order, ground: s.ground, masks: s.masks.of(order.Masks), tell: s.send}
	if order.Lease != nil {
		p.lease = newLease(boottime, order.Lease.Until)
	}
	err := p.start(files)
	s.mu.Lock()
	s.token, s.process = order.Token, p
	s.mu.Unlock()
	if err != nil {
		s.finish(p, p.failed(err))
		return
	}
	s.send(shim.Message{Started: &shim.Started{}})
	go func() { s.finish(p, p.see()) }() // PID 1 itself is its owner: it never ends before
}

// finish says the Exit once on each connection: on one whose Hello was said before, or else in the Hello. An agent that has
// it from the Hello may send its next Go at once, and must not take it for the answer to that.
func (s *Shim) finish(p *process, exit *shim.Exit) {
	s.mu.Lock()
	p.exit = exit
	conn := s.conn
	s.mu.Unlock()
	sendOn(conn, shim.Message{Exit: exit})
}

// renew needs no lock of the Shim: it is called by who calls start.
func (s *Shim) renew(until time.Duration) {
	if s.process != nil {
		s.process.lease.renew(until)
	}
}

func (s *Shim) signal(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil && s.process.exit == nil {
		s.process.signal(name)
	}
}
