package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// A platform is a server in this process, and the program, for agents that are processes of their own.
type platform struct {
	*stage
	server  *serverProcess
	program string
}

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tutti")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building tutti: %v\n%s", err, out)
	}
	return program
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	dockertest.Require(t)
	data := t.TempDir()
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := openServer(t.Context(), serverConfig{Listen: "127.0.0.1:0", Data: data, InProcess: true}, log)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(t.Context()); err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	t.Cleanup(func() {
		serving.Wait() // t.Context is over
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	p := &platform{server: s, program: build(t), stage: &stage{
		t: t, data: data, Client: &client.Client{Server: s.URL, Token: s.AdminToken},
	}}
	p.addDemo()
	return p
}

// A process is one of the program, with what it says.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when it ended
	said words
}

// words are what somebody says, such as a process; they may be read while they are written.
type words struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// until waits for a text to be among them.
func (w *words) until(t *testing.T, text string) {
	t.Helper()
	for late := time.Now().Add(30 * time.Second); !strings.Contains(w.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%q never came; there is\n%s", text, w)
		}
	}
}

// begin starts the program. Whatever happens it ends with the test.
func begin(t *testing.T, program string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // see code
	}()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			p.signal(syscall.SIGTERM)
			p.signal(syscall.SIGTERM)
			p.code()
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(args, " "), &p.said)
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// code waits for the end, and answers the exit code.
func (p *process) code() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(90 * time.Second):
		p.cmd.Process.Kill()
		p.t.Fatal("the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// says waits until the process said something.
func (p *process) says(what string) {
	p.t.Helper()
	eventually(p.t, "the process says "+what, func() bool {
		select {
		case <-p.done:
			if !strings.Contains(p.said.String(), what) {
				p.t.Fatalf("the process ended, and never said %q", what)
			}
		default:
		}
		return strings.Contains(p.said.String(), what)
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// agent starts an agent process on a folder, and waits until the server knows it.
func (p *platform) agent(t *testing.T, data string, env []string, args ...string) *process {
	t.Helper()
	args = append([]string{"agent", "--server", p.server.URL, "--token-file", filepath.Join(p.data, "agent.token"), "--data", data}, args...)
	a := begin(t, p.program, env, args...)
	a.says("msg=connected")
	return a
}

// folder makes a data folder of an agent, whose remains on Docker are looked for in the end.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { checkLeftovers(t, dir) })
	return dir
}

// running pushes a pipeline with one activity, and waits until it runs.
func (s *stage) running(script string) server.RunID {
	s.t.Helper()
	runs := s.push(map[string]string{".tutti/ci.hcl": `
pipeline "ci" {
  on "push" {}
  job "test" {
    image = "IMAGE"
    activity "unit" { script = "` + script + `" }
  }
}
`})
	if len(runs) != 1 {
		s.t.Fatalf("the push started %d runs", len(runs))
	}
	eventually(s.t, "the activity runs", func() bool {
		run, err := s.Run(s.t.Context(), runs[0].ID)
		return err == nil && run.Jobs[0].Activities[0].State == plan.Running
	})
	return runs[0].ID
}

// tutti runs a command of the program and answers what it says, and its exit code.
func (p *platform) tutti(args ...string) (string, int) {
	p.t.Helper()
	c := begin(p.t, p.program, nil, args...)
	code := c.code()
	return c.said.String(), code
}

// systemdOf stands in for systemd: it answers the environment for a service, and what that says.
func systemdOf(t *testing.T) (env []string, heard *words) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	heard = new(words)
	var reading sync.WaitGroup
	reading.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			_, _ = io.WriteString(heard, string(buf[:n])+"\n")
		}
	})
	t.Cleanup(func() {
		conn.Close()
		reading.Wait()
	})
	return []string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=300000"}, heard
}
