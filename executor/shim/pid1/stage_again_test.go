//go:build linux

package pid1_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/shim"
)

// What was said into a connection that broke is said again.
func TestExitIsSaidAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, t.TempDir())
	s.greet()
	s.start(shim.Go{Token: "one", Script: "echo here; sleep 0.3; exit 5"})
	s.await(func(m shim.Message) bool { return m.Started != nil })
	time.Sleep(time.Second) // the Exit is on its way, and nobody will read it
	for range 3 {
		s.leave()
		hello := s.again()
		if hello.Token != "one" || hello.Exit == nil || hello.Exit.Code != 5 || hello.Age < time.Second {
			t.Fatalf("another agent hears %+v", hello)
		}
		if hello.Wrote == nil || hello.Wrote.Log != hello.Exit.Log || hello.Wrote.Marks != hello.Exit.Marks || s.text(*hello.Exit) != "here\n" {
			t.Errorf("another agent hears of %+v and %+v", hello.Wrote, hello.Exit)
		}
	}
	s.oneMore("two")
}

// oneMore runs another process, which has to be answered as the first one.
func (s *stage) oneMore(token string) {
	s.t.Helper()
	s.start(shim.Go{Token: token, Script: "exit 100"})
	if m := s.receive(); m.Started == nil {
		s.t.Fatalf("the answer to the next Go is %+v", m)
	}
	if exit := s.exit(); exit.Code != 100 {
		s.t.Errorf("it ended as %+v", exit)
	}
}

// However the connection breaks, every agent hears each Exit once, and for its own Go only.
func TestExitIsSaidOncePerConnection(t *testing.T) {
	t.Parallel()
	s := newStage(t, t.TempDir())
	hello := s.greet()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		token := fmt.Sprint("token ", i)
		s.start(shim.Go{Token: token, Script: fmt.Sprint("exit ", i)})
		time.Sleep(time.Duration(rng.IntN(12_000)) * time.Microsecond)
		s.hangUp()
		if hello = s.greet(); hello.Token != token {
			continue // it had not begun, and never will
		}
		exit := hello.Exit
		if exit == nil {
			m := s.await(func(m shim.Message) bool { return m.Exit != nil })
			exit = m.Exit
		}
		if exit.Code != i || exit.Err != "" {
			t.Fatalf("process %d ended as %+v", i, *exit)
		}
	}
	s.oneMore("last")
}

// Any process of the container may dial the agent. The shim dials until it gets through.
func TestShimAmongStrangers(t *testing.T) {
	t.Parallel()
	s := newStage(t, t.TempDir())
	s.greet()
	s.start(shim.Go{Token: "secret", Script: "echo here; sleep 2"})
	s.await(func(m shim.Message) bool { return m.Wrote != nil })
	s.leave()
	s.listen()
	strangers := crowd(t, s.socket)
	time.Sleep(1200 * time.Millisecond) // the shim finds the agent's door shut
	for met := 0; ; met++ {
		if err := s.listener.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		unix, err := s.listener.AcceptUnix()
		if err != nil {
			t.Fatalf("after %d of %d strangers: %v", met, strangers, err)
		}
		if err := unix.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		conn := shim.NewConn(unix)
		m, err := conn.Receive()
		if err == nil && m.Hello != nil && m.Hello.Token == "secret" {
			s.conn = conn
			break
		}
		_ = conn.Close()
	}
	if exit := s.exit(); exit.Code != 0 || s.text(exit) != "here\n" {
		t.Errorf("it ended as %+v", exit)
	}
}

// crowd dials until there is no room for more, and says nonsense.
func crowd(t *testing.T, socket string) int {
	t.Helper()
	for n := 0; ; n++ {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, os.ErrDeadlineExceeded) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte{0, 0, 0, 2, 0, 0, 0, 0, '{', '}'}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}

// An agent that removes the folder of the socket gives the container up. If Docker has forgotten it as well, nobody else can end it.
func TestShimEndsWhenItIsGivenUp(t *testing.T) {
	t.Parallel()
	docker, s := dockertest.Require(t), newStage(t, t.TempDir())
	s.greet()
	s.start(shim.Go{Token: "one", Script: "echo here; sleep 600"})
	s.await(func(m shim.Message) bool { return m.Wrote != nil })
	s.leave()
	if err := os.RemoveAll(filepath.Dir(s.socket)); err != nil {
		t.Fatal(err)
	}
	ended, failed := docker.ContainerWait(t.Context(), s.container, container.WaitConditionNotRunning)
	select {
	case <-ended:
	case err := <-failed:
		t.Fatal(err)
	case <-time.After(patience):
		t.Error("the container still runs")
	}
}
