//go:build linux

package pid1_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor/shim"
)

const stubborn = `trap '' TERM INT HUP; echo here; (trap '' TERM; sleep 1000) & while :; do sleep 1000; done`

// A process whose agent is not heard of ends when its lease is over, whether the agent's connection stands or not.
func TestLeaseEndsTheProcess(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]bool{"AgentSilent": false, "AgentGone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, t.TempDir())
			s.greet()
			s.start(shim.Go{Token: "one", Script: stubborn, Lease: in(1500 * time.Millisecond)})
			s.await(func(m shim.Message) bool { return m.Wrote != nil })
			var exit shim.Exit
			if gone {
				s.leave()
				time.Sleep(2500 * time.Millisecond) // nobody may be needed for it
				hello := s.again()
				if hello.Exit == nil {
					t.Fatalf("the process goes on: %+v", hello)
				}
				exit = *hello.Exit
			} else {
				exit = s.exit()
			}
			if !exit.Fenced || exit.Signal != "SIGKILL" || !strings.HasPrefix(exit.Err, "the agent was not heard of in time: ") {
				t.Errorf("it ended as %+v", exit)
			}
			if exit.Took < time.Second || exit.Took > 3*time.Second {
				t.Errorf("it ended after %s", exit.Took)
			}
			if text := s.text(exit); text != "here\n" {
				t.Errorf("the log reads %q", text)
			}
		})
	}
}

// A lease that is renewed in time goes on, also by another agent.
func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	s := newStage(t, t.TempDir())
	s.greet()
	s.start(shim.Go{Token: "one", Script: "echo here; sleep 3; exit 4", Lease: in(1500 * time.Millisecond)})
	s.await(func(m shim.Message) bool { return m.Wrote != nil })
	s.leave()
	time.Sleep(300 * time.Millisecond)
	hello := s.again()
	if hello.Token != "one" || hello.Exit != nil || hello.Age < 300*time.Millisecond || hello.Age > patience {
		t.Fatalf("another agent hears %+v", hello)
	}
	s.send(shim.Message{Lease: in(time.Minute)})
	s.send(shim.Message{Lease: in(time.Millisecond)}) // an older word that comes late
	if exit := s.exit(); exit.Fenced || exit.Code != 4 || exit.Err != "" {
		t.Errorf("it ended as %+v", exit)
	}
}

// Nothing begins when its lease is over, and the next process has a lease of its own.
func TestLeaseThatIsOver(t *testing.T) {
	t.Parallel()
	s := newStage(t, t.TempDir())
	s.greet()
	s.start(shim.Go{Token: "one", Script: "echo here", Lease: in(-time.Second)})
	m := s.receive()
	if m.Exit == nil || !m.Exit.Fenced || m.Exit.Err == "" || s.text(*m.Exit) != "" {
		t.Fatalf("the shim says %+v", m)
	}
	s.hangUp()
	if hello := s.greet(); hello.Age != 0 || hello.Exit == nil || !hello.Exit.Fenced {
		t.Errorf("the shim says %+v", hello)
	}
	s.start(shim.Go{Token: "two", Script: "echo there"})
	if exit := s.exit(); exit.Fenced || exit.Code != 0 || s.text(exit) != "there\n" {
		t.Errorf("it ended as %+v", exit)
	}
}
