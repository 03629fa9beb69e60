package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

// call says hello and answers what comes back, with the connection.
func (h *house) call(t *testing.T, hello wire.Hello) (*wire.Control, wire.Envelope) {
	t.Helper()
	c, err := wire.Dialer{URL: h.url, Token: token}.Control(t.Context())
	must(t, err)
	t.Cleanup(func() { c.Close(wire.CloseNormal, "") })
	must(t, c.Send(hello))
	e, err := c.Receive()
	must(t, err)
	return c, e
}

// from is the hello of a process on a host.
func from(instance, boot string) wire.Hello {
	m := hello("same")
	m.Instance, m.BootID, m.Name, m.Version = instance, boot, "host-"+boot, "v9"
	return m
}

func refused(t *testing.T, e wire.Envelope) wire.Refused {
	t.Helper()
	if e.Kind != wire.KindRefused {
		t.Fatalf("the answer is %s", e.Kind)
	}
	var m wire.Refused
	must(t, e.Into(&m))
	return m
}

// shown waits until the one agent is as it should be.
func (h *house) shown(t *testing.T, is func(server.Agent) bool) {
	t.Helper()
	for late := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		agents, err := h.db.Agents(t.Context())
		must(t, err)
		if len(agents) == 1 && is(agents[0]) {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("people see %+v", agents)
		}
	}
}

// TestCopiedFolder has two hosts use one identity.
func TestCopiedFolder(t *testing.T) {
	w := newWatch()
	h := open(t, t.TempDir(), 0, under(w))
	first, e := h.call(t, from("one", "a"))
	if e.Kind != wire.KindWelcome {
		t.Fatalf("the first is answered %s", e.Kind)
	}
	_, e = h.call(t, from("two", "b"))
	no := refused(t, e)
	for _, part := range []string{"host-a (", "host-b (", "delete its data folder"} {
		if !strings.Contains(no.Reason, part) {
			t.Errorf("the second is told %q, which lacks %q", no.Reason, part)
		}
	}
	if no.RetryAfter <= 0 {
		t.Error("the second may come back at once")
	}
	h.shown(t, func(a server.Agent) bool {
		return a.Online && a.Problem == "" && strings.Contains(a.Note, "host-b") && a.Name == "host-a"
	})
	must(t, first.Send(wire.Ping{Seq: 1})) // it is served as before
	if e, err := first.Receive(); err != nil || e.Kind != wire.KindPong {
		t.Errorf("the first is answered %s (%v)", e.Kind, err)
	}
	w.forward(6 * time.Minute) // the second gave up
	h.shown(t, func(a server.Agent) bool { return a.Note == "" })
	// The first is silent by now: the second is a host that was moved.
	if _, e = h.call(t, from("two", "b")); e.Kind != wire.KindWelcome {
		t.Errorf("the second is answered %s", e.Kind)
	}
}

// TestCleanEnd has an agent end in order, and its identity used on another host at once.
func TestCleanEnd(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	first, _ := h.call(t, from("one", "a"))
	first.Close(wire.CloseGoing, "it ends")
	h.shown(t, func(a server.Agent) bool { return !a.Online })
	if _, e := h.call(t, from("two", "b")); e.Kind != wire.KindWelcome {
		t.Errorf("the second is answered %s", e.Kind)
	}
}

// TestAlternatingInstances has two processes on one host take the identity from each other.
func TestAlternatingInstances(t *testing.T) {
	w := newWatch()
	h := open(t, t.TempDir(), 0, under(w))
	var last *wire.Control
	for _, instance := range []string{"one", "two", "one"} {
		c, e := h.call(t, from(instance, "a"))
		if e.Kind != wire.KindWelcome {
			t.Fatalf("%s is answered %s", instance, e.Kind)
		}
		last = c
	}
	_, e := h.call(t, from("two", "a"))
	if no := refused(t, e); !strings.HasPrefix(no.Reason, "quarantined: duplicate identity") || time.Duration(no.RetryAfter) < 4*time.Minute {
		t.Errorf("it is told %+v", no)
	}
	if _, err := last.Receive(); wire.CloseCode(err) != wire.CloseRefused {
		t.Errorf("the one that was served ends with %v", err)
	}
	_, e = h.call(t, from("one", "a"))
	refused(t, e)
	h.shown(t, func(a server.Agent) bool {
		return !a.Online && strings.HasPrefix(a.Problem, "quarantined: duplicate identity")
	})
	w.forward(6 * time.Minute)
	if _, e = h.call(t, from("one", "a")); e.Kind != wire.KindWelcome {
		t.Errorf("after the quarantine the answer is %s", e.Kind)
	}
	h.shown(t, func(a server.Agent) bool { return a.Online && a.Problem == "" })
}

// TestRestartedAgent has an agent crash again and again, which is no conflict.
func TestRestartedAgent(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	for _, instance := range []string{"1", "2", "3", "4", "5", "6"} {
		if _, e := h.call(t, from(instance, "a")); e.Kind != wire.KindWelcome {
			t.Fatalf("instance %s is answered %s", instance, e.Kind)
		}
	}
}

// TestOldAgentIsShown has an agent come that the server cannot talk to.
func TestOldAgentIsShown(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	old := from("one", "a")
	old.MinProtocol, old.MaxProtocol = 1, 1
	_, e := h.call(t, old)
	refused(t, e)
	h.shown(t, func(a server.Agent) bool {
		return !a.Online && a.Name == "host-a" && strings.Contains(a.Problem, "upgrade the agent")
	})
	if _, e := h.call(t, from("two", "a")); e.Kind != wire.KindWelcome { // it was
		t.Errorf("the upgraded agent is answered %s", e.Kind)
	}
	h.shown(t, func(a server.Agent) bool { return a.Online && a.Problem == "" })
}
