//go:build linux

package docker_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
	"github.com/tutti-ci/tutti/executor/shim"
)

// What TestCrashing is told by its environment: where to die, who it is, and where it keeps what its successor needs.
const (
	crashAt    = "TUTTI_TEST_CRASH_AT"
	crashAgent = "TUTTI_TEST_CRASH_AGENT"
	crashDir   = "TUTTI_TEST_CRASH_DIR"
)

func crashSpec() executor.RoomSpec {
	return sequence("tutti-test/busybox:latest", "echo one; sleep 2; echo x >> count; cat count; echo two")
}

// TestCrashing is the process that TestKilledAgent kills: it runs a job until it dies of SIGKILL at a named point.
func TestCrashing(t *testing.T) {
	at, dir := os.Getenv(crashAt), os.Getenv(crashDir)
	if at == "" {
		t.Skip("it is a part of TestKilledAgent")
	}
	die := func(point string) error {
		if point != at {
			return nil
		}
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	engine, err := docker.New(docker.Config{DataDir: filepath.Join(dir, "engine"), AgentID: os.Getenv(crashAgent), Trap: die})
	try(t, err)
	if at == "network" {
		go func() {
			for len(networksOf(t, os.Getenv(crashAgent))) == 0 {
				time.Sleep(time.Millisecond)
			}
			_ = die(at)
		}()
	}
	try(t, engine.Check(t.Context()))
	room, err := engine.Open(t.Context(), crashSpec())
	try(t, err)
	out, err := crashOutput(dir)
	try(t, err)
	out.Going = func(ticket executor.Ticket) error {
		// As a whole or not at all: death may come from beside, at any moment.
		whole := filepath.Join(dir, "ticket")
		if err := os.WriteFile(whole+".tmp", []byte(ticket), 0o600); err != nil {
			return err
		}
		if err := os.Rename(whole+".tmp", whole); err != nil {
			return err
		}
		return die("ticket")
	}
	out.Began = func() { _ = die("began") }
	out.Wrote = func(int64, int64) { _ = die("wrote") }
	_, err = room.Run(t.Context(), only(crashSpec()), out)
	t.Fatalf("it lives: %v", err)
}

func networksOf(t *testing.T, agent string) []network.Summary {
	found, err := dockertest.Require(t).NetworkList(context.Background(), network.ListOptions{Filters: filters.NewArgs(filters.Arg("label", docker.LabelAgent+"="+agent))})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// crashOutput opens the spool that both processes use.
func crashOutput(dir string) (executor.Output, error) {
	var files [2]*os.File
	for i, name := range []string{"log", "marks"} {
		var err error
		if files[i], err = os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
			return executor.Output{}, err
		}
	}
	return executor.Output{Log: files[0], Marks: files[1], Began: func() {}, Wrote: func(int64, int64) {}}, nil
}

// An agent that is killed at any point leaves one container or none to the next one; the activity runs once, to its end, and
// then nothing is left.
func TestKilledAgent(t *testing.T) {
	dockertest.Busybox(t)
	for _, at := range []string{"network", "docker.after_create", "docker.after_start", "ticket", "began", "wrote"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			crash := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashing$")
			crash.Env = append(os.Environ(), crashAt+"="+at, crashAgent+"="+agentID(t), crashDir+"="+dir)
			words, err := crash.CombinedOutput()
			if status, ok := crash.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("the first process ended with %v: %s", err, words)
			}
			next := newEngine(t, docker.Config{DataDir: filepath.Join(dir, "engine")})
			spec := crashSpec()
			if ticket, err := os.ReadFile(filepath.Join(dir, "ticket")); err == nil {
				spec.Tickets = []executor.Ticket{executor.Ticket(ticket)}
			}
			try(t, next.Sweep(t.Context(), []executor.RoomSpec{spec}))
			room, err := next.Adopt(t.Context(), spec)
			try(t, err)
			finishCrashed(t, room, spec, dir)
			try(t, room.Close(t.Context()))
			try(t, next.Sweep(t.Context(), nil)) // what Docker was still making
		})
	}
}

// finishCrashed brings the activity to its end, and looks at whether it ran once.
func finishCrashed(t *testing.T, room executor.Room, spec executor.RoomSpec, dir string) {
	t.Helper()
	out, err := crashOutput(dir)
	try(t, err)
	exit, err := executor.Exit{}, executor.ErrNotBegun
	if len(spec.Tickets) > 0 {
		exit, err = room.Rejoin(t.Context(), only(spec), out, spec.Tickets[0])
	}
	if errors.Is(err, executor.ErrNotBegun) {
		exit, err = room.Run(t.Context(), only(spec), out)
	}
	text, readErr := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || readErr != nil || exit.Code != 0 || string(text) != "one\nx\ntwo\n" || exit.LogBytes != int64(len(text)) {
		t.Errorf("exit %+v, %v; log %q, %v", exit, err, text, readErr)
	}
	running, err := dockertest.Require(t).ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", docker.LabelAgent+"="+agentID(t)))})
	// One, or the one that the dead process had made for it beside it, for its network.
	if err != nil || len(running) == 0 || len(running) > 2 || len(running) > 1 && len(spec.Tickets) == 0 {
		t.Errorf("%d containers run, %v", len(running), err)
	}
}

// leave begins the first activity of a room, and leaves it for another engine once it has written a word. The specification has
// its ticket then.
func leave(t *testing.T, engine *docker.Engine, spec *executor.RoomSpec) *enginetest.Spool {
	t.Helper()
	room, spool, done := enginetest.Open(t, engine, *spec), enginetest.NewSpool(t), make(chan error, 1)
	out := spool.Output()
	out.Going = func(ticket executor.Ticket) error { spec.Tickets = append(spec.Tickets, ticket); return nil }
	step := only(*spec)
	go func() {
		_, err := room.Run(t.Context(), step, out)
		done <- err
	}()
	spool.AwaitBytes(4)
	room.Leave()
	<-done // whatever it says of its end, it goes on
	return spool
}

// Processes of a container can dial the socket of its shim, too, and say what they like; none of them is believed.
func TestStrangersAtTheSocket(t *testing.T) {
	config := docker.Config{DataDir: t.TempDir()}
	engine := newEngine(t, config)
	spec := sequence(dockertest.Busybox(t), "echo one; sleep 2; echo two; exit 5")
	spool := leave(t, engine, &spec)
	sockets, err := filepath.Glob(filepath.Join(config.DataDir, "rooms", "*", shim.SocketName))
	if err != nil || len(sockets) == 0 {
		t.Fatalf("sockets %q, %v", sockets, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, hello := range []*shim.Hello{nil, {Version: shim.Version}, {Version: shim.Version, Token: "guessed", Exit: &shim.Exit{}}} {
		go pester(ctx, sockets[0], hello)
	}
	time.Sleep(50 * time.Millisecond) // so that they are there first
	adopted, err := nextEngine(t, config).Adopt(t.Context(), spec)
	try(t, err)
	exit, err := adopted.Rejoin(t.Context(), only(spec), spool.Output(), spec.Tickets[0])
	if err != nil || exit.Code != 5 || spool.Text() != "one\ntwo\n" {
		t.Errorf("exit %+v, %v; log %q", exit, err, spool.Text())
	}
	try(t, adopted.Close(t.Context()))
}

// pester dials again and again, and says this Hello, or nothing at all.
func pester(ctx context.Context, path string, hello *shim.Hello) {
	for ctx.Err() == nil {
		unix, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		conn := shim.NewConn(unix)
		if hello != nil {
			_ = conn.Send(shim.Message{Hello: hello})
		}
		_, _ = conn.Receive() // until it is sent away
		_ = conn.Close()
	}
}

// Somebody may remove the network that was made ahead.
func TestNetworkAheadIsRemoved(t *testing.T) {
	engine, api := newEngine(t, docker.Config{}), dockertest.Require(t)
	spec := sequence(dockertest.Busybox(t), "echo fine")
	for deadline := time.Now().Add(20 * time.Second); len(networksOf(t, agentID(t))) == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	for _, n := range networksOf(t, agentID(t)) {
		try(t, api.NetworkRemove(t.Context(), n.ID))
	}
	if _, texts := enginetest.RunAll(t, enginetest.Open(t, engine, spec), spec.Job); !strings.Contains(texts[0], "fine") {
		t.Errorf("logs %q", texts)
	}
}
