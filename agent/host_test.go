package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// A host is a machine with a data folder, on which agents come and go.
type host struct {
	t       *testing.T
	desk    *desk
	dir     string
	machine *enginetest.Machine
	engine  func(*enginetest.Fake) Engine // nil is the fake itself
	min     int64
}

func newHost(t *testing.T, d *desk) *host {
	t.Helper()
	return &host{t: t, desk: d, dir: t.TempDir(), machine: enginetest.NewMachine(t), min: 1}
}

// A guest is an agent on a host.
type guest struct {
	host  *host
	agent *Agent
	fake  *enginetest.Fake
	ended chan struct{}
	once  sync.Once
}

// start starts an agent, which ends with the test at the latest. At its points it does what trap says.
func (h *host) start(trap func(g *guest, point string) error) *guest {
	h.t.Helper()
	g := &guest{host: h, fake: &enginetest.Fake{Machine: h.machine}, ended: make(chan struct{})}
	var engine Engine = g.fake
	if h.engine != nil {
		engine = h.engine(g.fake)
	}
	g.agent = &Agent{
		ServerURL: h.desk.url, Token: "x", DataDir: h.dir, Name: "host", Capacity: 1, Version: "test", Engine: engine, MinFree: h.min,
		Log: slog.New(slog.NewTextHandler(&testLog{t: h.t}, nil)),
	}
	if trap != nil {
		g.agent.Trap = func(point string) error { return trap(g, point) }
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	go func() {
		defer close(g.ended)
		if err := g.agent.Run(ctx); err != nil {
			h.t.Errorf("the agent ends with %v", err)
		}
	}()
	h.t.Cleanup(func() {
		cancel()
		g.wait()
	})
	return g
}

func (g *guest) wait() {
	g.host.t.Helper()
	select {
	case <-g.ended:
	case <-time.After(30 * time.Second):
		g.host.t.Fatal("the agent does not end")
	}
}

// kill ends the agent as kill -9 does: from now on nothing of it is written, heard, or done. It answers an error for who is just
// passing a point.
func (g *guest) kill() error {
	g.once.Do(func() {
		w := g.agent.now.Load()
		d := g.host.desk
		d.mu.Lock()
		d.banned[w.instance] = true
		d.tell()
		control := d.sessions[w.instance]
		d.mu.Unlock()
		g.fake.Abandon() // before the journal is closed, or the job would end because of that
		if err := w.journal.close(); err != nil {
			g.host.t.Error(err)
		}
		g.agent.Handoff()
		if control != nil {
			control.Close(wire.CloseGoing, "killed")
		}
	})
	return fmt.Errorf("the agent was killed: %w", executor.ErrLeft)
}

type testLog struct {
	t    *testing.T
	mu   sync.Mutex
	text strings.Builder
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return l.text.Write(p)
}
