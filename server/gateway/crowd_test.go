package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

// TestCrowd has 500 agents come back at the same moment, each with a job.
func TestCrowd(t *testing.T) {
	const crowd = 500
	h := open(t, t.TempDir(), 0)
	before, memory := runtime.NumGoroutine(), liveBytes()
	claims := make([]wire.Claim, crowd)
	d := wire.Dialer{URL: h.url, Token: token}
	name := func(i int) string { return fmt.Sprintf("agent-%d", i) }
	for i := range crowd {
		must(t, h.hand(t.Context(), h.start("true"), name(i), &claims[i]))
	}
	took := make([]time.Duration, crowd)
	conns := make([]*wire.Control, crowd)
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			began := time.Now()
			c, err := d.Control(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			conns[i] = c
			err = c.Send(hello(name(i), wire.Held{Claim: claims[i], Phase: wire.PhaseRunning}))
			var welcome wire.Welcome
			if err == nil {
				var e wire.Envelope
				if e, err = c.Receive(); err == nil {
					err = e.Into(&welcome)
				}
			}
			if err != nil || len(welcome.Verdicts) != 1 || welcome.Verdicts[0].Do != wire.DoContinue {
				t.Errorf("agent %d is told %+v (%v)", i, welcome, err)
			}
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	slices.Sort(took)
	t.Logf("from hello to welcome: median %v, p99 %v, longest %v", took[crowd/2], took[crowd*99/100], took[crowd-1])
	if used := liveBytes() - memory; used > 200<<20 {
		t.Errorf("%d agents take %d MiB", crowd, used>>20)
	} else {
		t.Logf("%d agents, with their own ends, take %d MiB", crowd, used>>20)
	}
	agents, err := h.db.Agents(t.Context())
	must(t, err)
	for _, a := range agents {
		if !a.Online {
			t.Errorf("agent %s is offline", a.Name)
		}
	}
	for _, c := range conns {
		c.Close(wire.CloseGoing, "")
	}
	for late := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before+5; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%d goroutines are left of %d", runtime.NumGoroutine(), before)
		}
	}
}

// hand gives a job to an agent that is not connected.
func (h *house) hand(ctx context.Context, id server.RunID, agent string, claim *wire.Claim) error {
	if _, err := h.db.UpsertAgent(ctx, server.Agent{ID: server.AgentID(agent), Name: agent}); err != nil {
		return err
	}
	epoch, err := h.db.Offer(ctx, id, "test", server.AgentID(agent))
	if err != nil {
		return err
	}
	*claim = wire.Claim{Run: int64(id), Job: "test", Epoch: epoch}
	return h.db.Accept(ctx, server.Claim{Run: id, Job: "test", Epoch: epoch}, 0)
}

// liveBytes answers how much memory is in use.
func liveBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestFlood has one agent send log bytes as fast as they are taken, and another one that wants its pings answered and its lines
// acknowledged.
func TestFlood(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	h.start("true")
	loud := h.puppetSaying(t, hello("loud"))
	flood := loud.run()
	h.start("true")
	p := h.puppet(t)
	claim := p.run()
	dial := wire.Dialer{URL: h.url, Token: token}
	l, err := dial.Logs(t.Context(), "loud", loud.welcome.Session)
	must(t, err)
	var talking, listening sync.WaitGroup
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	must(t, l.Send(wire.LogOpen{Stream: 1, Claim: flood, Activity: "a0"}))
	sent := int64(0)
	talking.Go(func() {
		piece := bytes.Repeat([]byte("a line of a job that has very much to say\n"), wire.MaxPayload/42)
		for ctx.Err() == nil {
			if err := l.Send(wire.LogData{Stream: 1, Offset: sent, Payload: piece}); err != nil {
				t.Error(err)
				return
			}
			sent += int64(len(piece))
		}
	})
	listening.Go(func() {
		for {
			if _, err := l.Receive(); err != nil {
				return
			}
		}
	})
	quiet := h.logLine(t, p.welcome.Session)
	must(t, quiet.Send(wire.LogOpen{Stream: 1, Claim: claim, Activity: "a0"}))
	frame[wire.LogAck](t, quiet)
	var pong, line time.Duration
	for n := int64(1); ctx.Err() == nil; n++ {
		began := time.Now()
		p.ping(n, claim)
		pong = max(pong, time.Since(began))
		began = time.Now()
		must(t, quiet.Send(wire.LogData{Stream: 1, Offset: n - 1, Payload: []byte("\n")}))
		frame[wire.LogAck](t, quiet)
		line = max(line, time.Since(began))
	}
	talking.Wait()
	l.Close(wire.CloseNormal, "")
	listening.Wait()
	t.Logf("%d MiB of flood; the slowest pong took %v, the slowest line %v", sent>>20, pong, line)
	if limit := 2 * time.Second; pong > limit || line > limit {
		t.Errorf("the slowest pong took %v, the slowest line %v", pong, line)
	}
}
