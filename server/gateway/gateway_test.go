package gateway_test

import (
	"archive/tar"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/gateway"
	"github.com/tutti-ci/tutti/server/logs"
	"github.com/tutti-ci/tutti/server/queue"
	"github.com/tutti-ci/tutti/server/store"
)

const token = "agents only"

// A house is a server with all that a gateway needs, on a real store.
type house struct {
	t       testing.TB
	db      *store.DB
	logs    *logs.Store
	gateway *gateway.Gateway
	bell    server.Bell
	url     string
	close   func()
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func testLogger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// open starts a server on the data in dir.
func open(t testing.TB, dir string, fence time.Duration, change ...func(*gateway.Gateway)) *house {
	t.Helper()
	h := &house{t: t}
	var err error
	for late := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		// A process that the engine forks at this moment may hold the lock of a server that was closed.
		h.db, err = store.Open(t.Context(), filepath.Join(dir, "tutti.db"), time.Now)
		if server.KindOf(err) != server.Conflict || time.Now().After(late) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if h.logs, err = logs.Open(filepath.Join(dir, "logs")); err != nil {
		t.Fatal(err)
	}
	q := &queue.Queue{Store: h.db, Log: testLogger(t)}
	h.gateway = &gateway.Gateway{
		Jobs: h.db, Agents: h.db, Queue: q, Logs: h.logs, Workspace: workspace, Version: "test",
		Terms: protocol.Terms{Fence: fence}, Changed: h.bell.Ring, Log: testLogger(t),
		Token: func(got string) bool { return got == token },
	}
	for _, each := range change {
		each(h.gateway)
	}
	h.db.OnChange = func(run server.RunID) {
		q.Wake()
		h.gateway.Nudge(run)
		h.bell.Ring(run)
	}
	web := httptest.NewServer(h.gateway)
	h.url = web.URL
	stop := h.background(h.gateway.Run)
	h.close = sync.OnceFunc(func() {
		stop()
		web.Close()
		if err := h.logs.Close(); err != nil {
			t.Error(err)
		}
		if err := h.db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.close)
	return h
}

// background runs something until stop is called, or the test ends.
func (h *house) background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	var done sync.WaitGroup
	done.Go(func() {
		if err := run(ctx); err != nil {
			h.t.Errorf("running in the background: %v", err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
	h.t.Cleanup(stop)
	return stop
}

// workspace is a commit with one file.
func workspace(_ context.Context, project, commit string, w io.Writer) error {
	out := tar.NewWriter(w)
	text := project + " at " + commit + "\n"
	if err := out.WriteHeader(&tar.Header{Name: "README", Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	if _, err := out.Write([]byte(text)); err != nil {
		return err
	}
	return out.Close()
}

// start makes a run of one job with these scripts as its activities.
func (h *house) start(scripts ...string) server.RunID {
	h.t.Helper()
	return h.startJob(scripted(scripts...))
}

// scripted answers a job with these scripts as its activities.
func scripted(scripts ...string) plan.Job {
	job := plan.Job{Name: "test"}
	for i, s := range scripts {
		job.Activities = append(job.Activities, plan.Activity{Name: "a" + string(rune('0'+i)), Image: "any", Script: s, Shell: plan.ShellSh})
	}
	return job
}

// startJob makes a run of one job.
func (h *house) startJob(job plan.Job) server.RunID {
	h.t.Helper()
	if _, err := h.db.Project(h.t.Context(), "app"); err != nil {
		if err := h.db.CreateProject(h.t.Context(), server.Project{Name: "app", URL: "/srv/app.git"}); err != nil {
			h.t.Fatal(err)
		}
	}
	run, err := h.db.CreateRun(h.t.Context(), server.NewRun{
		Run:  server.Run{Project: "app", Event: server.Event{Kind: "push", Ref: "refs/heads/main", Branch: "main", Commit: "c0ffee"}},
		Plan: &plan.Plan{Version: plan.Version, Pipeline: "ci", Jobs: []plan.Job{job}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return run.ID
}

// until waits until a run is as it should be.
func (h *house) until(id server.RunID, what string, is func(server.Run) bool) server.Run {
	h.t.Helper()
	heard, stop := h.bell.Listen(id)
	defer stop()
	late := time.After(30 * time.Second)
	for {
		run, err := h.db.Run(h.t.Context(), id)
		if err != nil {
			h.t.Fatal(err)
		}
		if is(run) {
			return run
		}
		select {
		case <-heard:
		case <-late:
			h.t.Fatalf("the run is not %s in time: %+v", what, run)
		}
	}
}

func isDone(r server.Run) bool { return r.State == plan.Done }

// lost waits until a run is over because its job was lost, and answers why.
func (h *house) lost(id server.RunID) string {
	h.t.Helper()
	run := h.until(id, "done", isDone)
	if run.Result != plan.Lost {
		h.t.Errorf("the run ended %s", run.Result)
	}
	return run.Jobs[0].Cause
}

func (h *house) log(run server.RunID, epoch int64, activity string) string {
	h.t.Helper()
	r, err := h.logs.Reader(server.LogID{Run: run, Job: "test", Epoch: epoch, Activity: activity})
	if err != nil {
		h.t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(data)
}

// A cutter is a proxy whose connections can be cut.
type cutter struct {
	listener net.Listener
	done     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	target string
	conns  []net.Conn
}

func (h *house) cutter() *cutter {
	h.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	c := &cutter{listener: listener, target: strings.TrimPrefix(h.url, "http://")}
	c.done.Go(c.accept)
	h.t.Cleanup(func() {
		listener.Close()
		c.cut()
		c.done.Wait()
	})
	return c
}

func (c *cutter) url() string { return "http://" + c.listener.Addr().String() }

func (c *cutter) accept() {
	for {
		in, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		target := c.target
		c.mu.Unlock()
		out, err := net.Dial("tcp", target)
		if err != nil {
			in.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, in, out)
		c.mu.Unlock()
		c.done.Go(func() { io.Copy(in, out); in.Close() })
		c.done.Go(func() { io.Copy(out, in); out.Close() })
	}
}

// retarget sends new connections elsewhere.
func (c *cutter) retarget(target string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target = target
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}

// waitFor waits until a log has so many bytes.
func waitFor(t *testing.T, h *house, id server.LogID, bytes int64) {
	t.Helper()
	heard, stop := h.logs.Listen(id)
	defer stop()
	for {
		info, err := h.logs.Info(id)
		if err != nil {
			t.Fatal(err)
		}
		if info.Bytes >= bytes {
			return
		}
		select {
		case <-heard:
		case <-time.After(20 * time.Second):
			t.Fatalf("the log has %d bytes, not %d", info.Bytes, bytes)
		}
	}
}
