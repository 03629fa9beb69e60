package gateway_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/agent/wire/wiretest"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// TestMangledMessages runs jobs through a proxy that loses, repeats, delays, reorders and damages messages. Each activity runs
// once, and its log is as it was written.
func TestMangledMessages(t *testing.T) {
	const late = 150 * time.Millisecond
	for name, faults := range map[string]wiretest.Faults{
		"Drop":      {Drop: 0.1},
		"Duplicate": {Duplicate: 0.5, Late: late},
		"Reorder":   {Reorder: 0.3, Late: late},
		"Delay":     {Delay: 0.2, Late: late},
		"Corrupt":   {Corrupt: 0.03},
		"All":       {Drop: 0.03, Duplicate: 0.2, Reorder: 0.2, Delay: 0.05, Corrupt: 0.01, Late: late},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, t.TempDir(), 4*time.Second) // so that what is lost is said again soon
			faults.Seed = 11
			faults.Spare = beginnings
			m, err := wiretest.NewMangler(h.url, faults)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(m.Close)
			h.agent(t.TempDir(), m.URL)
			witness := filepath.Join(t.TempDir(), "witness")
			const script = `echo %d >> %s; i=0; while [ $i -lt 400 ]; do echo "line $i"; i=$((i+1)); [ $((i %% 20)) = 0 ] && sleep 0.02; done; true`
			for range 3 {
				must(t, os.RemoveAll(witness))
				id := h.start(fmt.Sprintf(script, 1, witness), fmt.Sprintf(script, 2, witness))
				run := h.until(id, "done", isDone)
				job := run.Jobs[0]
				if job.Result != plan.Passed {
					t.Fatalf("the job ended %s (%s)", job.Result, job.Cause)
				}
				if ran, err := os.ReadFile(witness); err != nil || string(ran) != "1\n2\n" {
					t.Errorf("there ran %q (%v)", ran, err)
				}
				for _, a := range job.Activities {
					if got := h.log(id, job.Epoch, a.Name); got != numbered(400) || a.LogIncomplete != "" {
						t.Errorf("the log of %s has %d bytes, want %d (%s)", a.Name, len(got), len(numbered(400)), a.LogIncomplete)
					}
				}
			}
			t.Logf("%+v", m.Counts())
		})
	}
}

// beginnings are messages whose loss costs a time limit of 20 s and more, and nothing else.
func beginnings(m wiretest.Message) bool {
	for _, kind := range []wire.Kind{wire.KindHello, wire.KindWelcome, wire.KindOffer} {
		if m.Path == wire.ControlPath && bytes.HasPrefix(m.Data, fmt.Appendf(nil, `{"kind":%q`, kind)) {
			return true
		}
	}
	return false
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

// TestSlowLink has a job flood a link that carries a kilobyte a second, half a second late, and loses a fifth of it: the leases
// are renewed all the same, on the one connection that there is. Then the link is well again, and the log arrives.
func TestSlowLink(t *testing.T) {
	t.Parallel()
	const fence = 24 * time.Second // so that the job ends if nothing is heard for 21.6 s, with a ping every 6 s
	h := open(t, t.TempDir(), fence)
	link, err := wiretest.NewLink(strings.TrimPrefix(h.url, "http://"), 5, wiretest.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	h.agent(t.TempDir(), "http://"+link.Addr)
	gate := filepath.Join(t.TempDir(), "gate")
	id := h.start(`echo begun; while [ ! -f ` + gate + ` ]; do sleep 0.05; done; i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done`)
	waitFor(t, h, server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}, 6)
	link.Set(wiretest.Conditions{Rate: 1 << 10, Latency: 500 * time.Millisecond, Loss: 0.2})
	must(t, os.WriteFile(gate, nil, 0o600))
	time.Sleep(40 * time.Second) // the link's time, in which nothing is to happen
	run, err := h.db.Run(t.Context(), id)
	if err != nil || run.State == plan.Done {
		t.Fatalf("on a slow link the run ended %s: %+v (%v)", run.Result, run.Jobs, err)
	}
	info, err := h.logs.Info(server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"})
	if err != nil || info.Bytes < 2<<10 {
		t.Errorf("of the log only %d bytes arrived (%v)", info.Bytes, err)
	}
	agents, err := h.db.Agents(t.Context())
	if err != nil || len(agents) != 1 || agents[0].Session != 1 || !agents[0].Online {
		t.Errorf("the session did not last: %+v (%v)", agents, err)
	}
	link.Set(wiretest.Conditions{})
	run = h.until(id, "done", isDone)
	if run.Result != plan.Passed || run.Jobs[0].Epoch != 1 {
		t.Errorf("the run ended %s (%s)", run.Result, run.Jobs[0].Cause)
	}
	if got := h.log(id, 1, "a0"); got != "begun\n"+numbered(20000) {
		t.Errorf("the log has %d bytes", len(got))
	}
}

// TestLogsStarve has the connection for logs break again and again while the other one lives: the session lasts.
func TestLogsStarve(t *testing.T) {
	t.Parallel()
	h := open(t, t.TempDir(), 0)
	faults := wiretest.Faults{Seed: 3, Corrupt: 0.2, Spare: func(m wiretest.Message) bool { return m.Path != wire.LogPath }}
	m, err := wiretest.NewMangler(h.url, faults)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	h.agent(t.TempDir(), m.URL)
	id := h.start(`i=0; while [ $i -lt 100 ]; do echo "line $i"; i=$((i+1)); sleep 0.02; done`)
	h.until(id, "running", func(r server.Run) bool { return r.Jobs[0].Activities[0].State == plan.Running })
	for late := time.Now().Add(10 * time.Second); m.Counts().Corrupted < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("nothing was damaged")
		}
	}
	m.Set(wiretest.Faults{})
	if run := h.until(id, "done", isDone); run.Result != plan.Passed || h.log(id, 1, "a0") != numbered(100) {
		t.Errorf("the run ended %s", run.Result)
	}
	agents, err := h.db.Agents(t.Context())
	if err != nil || len(agents) != 1 || agents[0].Session != 1 {
		t.Errorf("the session ended with the connection for logs: %+v (%v)", agents, err)
	}
}

// TestIdleProxy has a proxy cut each connection on which one direction stands still.
func TestIdleProxy(t *testing.T) {
	t.Parallel()
	h := open(t, t.TempDir(), 2*time.Second) // a ping every 0.5 s
	link, err := wiretest.NewLink(strings.TrimPrefix(h.url, "http://"), 5, wiretest.Conditions{Idle: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	h.agent(t.TempDir(), "http://"+link.Addr)
	id := h.start(`echo begun; sleep 4; echo ended`)
	if run := h.until(id, "done", isDone); run.Result != plan.Passed || h.log(id, 1, "a0") != "begun\nended\n" {
		t.Errorf("the run ended %s (%s)", run.Result, run.Jobs[0].Cause)
	}
	agents, err := h.db.Agents(t.Context())
	if err != nil || len(agents) != 1 || agents[0].Session != 1 {
		t.Errorf("the session did not last: %+v (%v)", agents, err)
	}
}
