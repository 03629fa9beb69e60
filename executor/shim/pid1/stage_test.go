//go:build linux

package pid1_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"golang.org/x/sys/unix"

	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/shim"
	"github.com/tutti-ci/tutti/executor/shim/binary"
)

const patience = 20 * time.Second

// A stage is a container with the shim in it, and the agent's end of the conversation.
type stage struct {
	t          *testing.T
	container  string
	socket     string
	listener   *net.UnixListener
	conn       *shim.Conn
	log, marks *os.File
}

// newStage makes the container. The log is kept in dir.
func newStage(t *testing.T, dir string) *stage {
	t.Helper()
	docker, image := dockertest.Require(t), dockertest.Busybox(t)
	program, err := binary.Install(t.Context(), t.TempDir(), runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, socket: filepath.Join(t.TempDir(), shim.SocketName)}
	s.log, s.marks = s.open(dir, "log"), s.open(dir, "marks")
	s.listen()
	made, err := docker.ContainerCreate(t.Context(),
		&container.Config{Image: image, Entrypoint: []string{shim.BinaryPath}, User: "0:0"},
		&container.HostConfig{
			NetworkMode: "none",
			LogConfig:   container.LogConfig{Type: "none"},
			Tmpfs:       map[string]string{shim.ScriptDir: "exec,mode=1777", shim.Workspace: "exec,mode=1777"},
			Mounts: []mount.Mount{
				{Type: mount.TypeBind, Source: program, Target: shim.BinaryPath, ReadOnly: true},
				{Type: mount.TypeBind, Source: filepath.Dir(s.socket), Target: shim.SocketDir, ReadOnly: true},
			},
		}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	s.container = made.ID
	t.Cleanup(func() {
		s.leave()
		if err := docker.ContainerRemove(cleanup(t), made.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	if err := docker.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) open(dir, name string) *os.File {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = f.Close() })
	return f
}

// listen begins to listen, as an agent that starts.
func (s *stage) listen() {
	s.t.Helper()
	_ = os.Remove(s.socket)
	var err error
	if s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: s.socket, Net: "unix"}); err != nil {
		s.t.Fatal(err)
	}
	s.listener.SetUnlinkOnClose(false)
	if err := os.Chmod(s.socket, 0o666); err != nil {
		s.t.Fatal(err)
	}
}

// leave ends the agent: nobody listens any more.
func (s *stage) leave() {
	_ = s.listener.Close()
	s.hangUp()
}

func (s *stage) hangUp() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// greet waits for the shim, and answers its Hello.
func (s *stage) greet() shim.Hello {
	s.t.Helper()
	if err := s.listener.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	conn, err := s.listener.AcceptUnix()
	if err != nil {
		s.t.Fatalf("waiting for the shim: %v", err)
	}
	if err := conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
		s.t.Fatal(err)
	}
	s.conn = shim.NewConn(conn)
	m := s.receive()
	if m.Hello == nil {
		s.t.Fatalf("the first message is %+v", m)
	}
	return *m.Hello
}

// again is an agent that starts anew.
func (s *stage) again() shim.Hello {
	s.t.Helper()
	s.listen()
	return s.greet()
}

func (s *stage) receive() shim.Message {
	s.t.Helper()
	m, err := s.conn.Receive()
	if err != nil {
		s.t.Fatalf("hearing the shim: %v", err)
	}
	return m
}

// await skips messages until one is as wanted.
func (s *stage) await(wanted func(shim.Message) bool) shim.Message {
	s.t.Helper()
	for {
		if m := s.receive(); wanted(m) {
			return m
		} else if m.Exit != nil {
			s.t.Fatalf("it ended: %+v", *m.Exit)
		}
	}
}

func (s *stage) exit() shim.Exit {
	s.t.Helper()
	return *s.await(func(m shim.Message) bool { return m.Exit != nil }).Exit
}

func (s *stage) start(order shim.Go) {
	s.t.Helper()
	order.Activity, order.Shell, order.Dir = s.t.Name(), "sh", shim.Workspace
	s.send(shim.Message{Go: &order, Files: []*os.File{s.log, s.marks}})
}

func (s *stage) send(m shim.Message) {
	s.t.Helper()
	if err := s.conn.Send(m); err != nil {
		s.t.Fatal(err)
	}
}

// text answers the log, and looks whether an Exit is right about it.
func (s *stage) text(exit shim.Exit) string {
	s.t.Helper()
	data, err := os.ReadFile(s.log.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if info, err := s.marks.Stat(); err != nil || exit.Log != int64(len(data)) || exit.Marks != info.Size() || exit.SHA256 != hex.EncodeToString(sum[:]) {
		s.t.Errorf("the log has %d bytes, and the Exit is %+v, %v", len(data), exit, err)
	}
	return string(data)
}

// in answers a lease from now on.
func in(d time.Duration) *shim.Lease {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(fmt.Sprint("reading the clock: ", err))
	}
	return &shim.Lease{Until: time.Duration(now.Nano()) + d}
}

// smallDisk mounts a file system of a few bytes.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	dir = t.TempDir()
	if err := syscall.Mount("tutti-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// cleanup answers a context for what is done after the test.
func cleanup(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}
