// Package servertest is a server for tests: the real store, logs, sign-in, API and pages behind a real listener, wired as
// main wires them, and an agent that does what the test says.
package servertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api"
	"github.com/tutti-ci/tutti/server/auth"
	"github.com/tutti-ci/tutti/server/logs"
	"github.com/tutti-ci/tutti/server/queue"
	"github.com/tutti-ci/tutti/server/store"
	"github.com/tutti-ci/tutti/server/web"
)

// AgentID is the one agent's; Project, the one project's name.
const (
	AgentID = server.AgentID("a1")
	Project = "app"
)

// A Server is a running server.
type Server struct {
	URL  string
	DB   *store.DB
	Logs *logs.Store
	Auth *auth.Auth
	Bell *server.Bell
	// Troubles are what the server has; the trouble "restored" can be dismissed.
	Troubles *server.Troubles

	tb       testing.TB
	dir      string
	revision int64
	http     *httptest.Server // nil while the server is away
	end      context.CancelFunc
	mu       sync.Mutex // guards doubts
	doubts   map[server.JobRef]string
}

// New starts a server with a project and an agent. It ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{tb: tb, dir: tb.TempDir(), Bell: &server.Bell{}, Troubles: &server.Troubles{}}
	s.open("127.0.0.1:0")
	tb.Cleanup(s.Stop)
	s.check(s.DB.CreateProject(tb.Context(), server.Project{Name: Project, URL: "/srv/app.git"}))
	_, err := s.DB.UpsertAgent(tb.Context(), server.Agent{
		ID: AgentID, Name: "lin-07", Version: "test", OS: "linux", Arch: "amd64", Labels: []string{"os=linux", "arch=amd64"}, Capacity: 4,
	})
	s.check(err)
	return s
}

// open starts the server on what is in its folder.
func (s *Server) open(address string) {
	s.tb.Helper()
	var err error
	s.DB, err = store.Open(context.WithoutCancel(s.tb.Context()), filepath.Join(s.dir, "tutti.db"), time.Now)
	s.check(err)
	s.DB.OnChange = s.Bell.Ring
	s.Logs, err = logs.Open(filepath.Join(s.dir, "logs"))
	s.check(err)
	s.Auth, err = auth.Open(s.dir, time.Now, slog.New(slog.DiscardHandler))
	s.check(err)
	s.serve(address, slog.New(slog.NewTextHandler(s.tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
}

// Doubt says of a running job that its agent is not heard of; empty takes that back.
func (s *Server) Doubt(c server.Claim, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts = map[server.JobRef]string{c.Ref(): text}
	if text == "" {
		s.doubts = nil
	}
}

func (s *Server) check(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatal(err)
	}
}

func (s *Server) serve(address string, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	srv := &httptest.Server{Listener: s.listen(address), Config: &http.Server{BaseContext: func(net.Listener) context.Context { return ctx }}}
	s.http, s.end = srv, cancel
	s.URL = "http://" + srv.Listener.Addr().String()
	view := &api.View{Stored: s.DB, LogInfo: s.Logs.Info, Explain: s.explain}
	rest := &api.API{
		Projects: s.DB, Settings: s.DB, Runs: view, Approvals: s.DB, Agents: s.DB, Starter: starter{s}, Logs: s.Logs, Bell: s.Bell,
		OpenLog: func(id server.LogID) (api.LogReader, error) { return s.Logs.Reader(id) },
		NewCode: s.Auth.NewCode, BaseURL: s.URL, Ready: s.DB.Ping, Metrics: api.NewMetrics(s.DB, s.Troubles),
		Troubles: s.Troubles, Dismiss: s.dismiss, Log: log,
	}
	site, err := web.New(web.Config{
		Runs: view, Projects: s.DB, Agents: s.DB, Logs: s.Logs, Bell: s.Bell, Door: s.Auth,
		Troubles: s.Troubles, Dismiss: s.dismiss, Status: api.Status, Now: time.Now, Version: "test", Log: log,
	})
	s.check(err)
	mux := http.NewServeMux()
	for _, path := range []string{"/api/", "/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, rest.Handler())
	}
	mux.Handle("/", site.Handler())
	refuse := func(w http.ResponseWriter, r *http.Request, err error) { api.WriteError(w, r, log, err) }
	srv.Config.Handler = &auth.Guard{Auth: s.Auth, Refuse: refuse, Next: mux}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn)
	srv.Start()
}

func (s *Server) dismiss(_ context.Context, kind string) error {
	if kind != "restored" {
		return server.Errorf(server.Conflict, "the trouble %q goes away once it is mended", kind)
	}
	if !s.Troubles.Clear(kind) {
		return server.Errorf(server.NotFound, "there is no trouble %q", kind)
	}
	return nil
}

func (s *Server) explain(ctx context.Context, run *server.Run) error {
	queued, err := s.DB.QueuedJobs(ctx)
	if err != nil {
		return err
	}
	agents, err := s.DB.Agents(ctx)
	if err != nil {
		return err
	}
	why := queue.Explain(queued, agents)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, j := range run.Jobs {
		ref := server.JobRef{Run: run.ID, Job: j.Name}
		for _, words := range []map[server.JobRef]string{why, s.doubts} {
			if reason, ok := words[ref]; ok {
				run.Jobs[i].WaitsFor = reason
			}
		}
	}
	return nil
}

// starter makes a run of one job for each push, and for each start by hand.
type starter struct{ s *Server }

func (t starter) Push(ctx context.Context, project string) ([]server.Run, error) {
	run, err := t.s.DB.CreateRun(ctx, server.NewRun{Run: server.Run{Project: project, Event: Event}, Plan: NewPlan(NewJob("test", nil, "unit"))})
	return []server.Run{run}, err
}

func (t starter) Start(ctx context.Context, project, pipeline, ref string, inputs map[string]string, actor string) (server.Run, error) {
	run := server.Run{Project: project, Pipeline: pipeline, Inputs: inputs, Event: server.Event{Kind: "manual", Ref: ref, Commit: Event.Commit, Actor: actor}}
	return t.s.DB.CreateRun(ctx, server.NewRun{Run: run, Plan: NewPlan(NewJob("test", nil, "unit"))})
}

// Run makes a run of jobs.
func (s *Server) Run(jobs ...plan.Job) server.Run {
	s.tb.Helper()
	run, err := s.DB.CreateRun(s.tb.Context(), server.NewRun{Run: server.Run{Project: Project, Event: Event}, Plan: NewPlan(jobs...)})
	s.check(err)
	return run
}

// Start brings a queued job to the agent.
func (s *Server) Start(run server.RunID, job string) server.Claim {
	s.tb.Helper()
	epoch, err := s.DB.Offer(s.tb.Context(), run, job, AgentID)
	s.check(err)
	c := server.Claim{Run: run, Job: job, Epoch: epoch}
	s.check(s.DB.Accept(s.tb.Context(), c, 0))
	return c
}

// Report tells the store how the activities of a job are; with a result, the job is done.
func (s *Server) Report(c server.Claim, result plan.Result, cause string, activities ...server.ActivityReport) {
	s.tb.Helper()
	s.revision++
	s.check(s.DB.Report(s.tb.Context(), AgentID, server.JobReport{Claim: c, Revision: s.revision, Activities: activities, Result: result, Cause: cause}))
}

// Running and Ended are reports of an activity.
func Running(name string, began time.Duration) server.ActivityReport {
	return server.ActivityReport{Name: name, State: plan.Running, Began: &began}
}

// Ended says that an activity ended so, and how its log ended.
func Ended(name string, result plan.Result, cause string, began, took time.Duration, log []byte) server.ActivityReport {
	sum := sha256.Sum256(log)
	code := 0
	if result != plan.Passed {
		code = 1
	}
	return server.ActivityReport{
		Name: name, State: plan.Done, Result: result, Cause: cause, Began: &began, Took: &took, ExitCode: &code,
		LogBytes: int64(len(log)), LogSHA256: hex.EncodeToString(sum[:]),
	}
}

// LogOf names the log of an activity.
func LogOf(c server.Claim, activity string) server.LogID {
	return server.LogID{Run: c.Run, Job: c.Job, Epoch: c.Epoch, Activity: activity}
}

// Append adds text to a log, written at that time since the activity's start.
func (s *Server) Append(id server.LogID, text string, at time.Duration, stderr bool) {
	s.tb.Helper()
	info, err := s.Logs.Info(id)
	s.check(err)
	_, err = s.Logs.Append(id, info.Bytes, []byte(text), Mark(info.Bytes+int64(len(text)), at, stderr))
	s.check(err)
}

// Mark says from which stream and when the bytes up to end came.
func Mark(end int64, at time.Duration, stderr bool) []byte {
	when := at.Microseconds() << 1
	if stderr {
		when |= 1
	}
	rec := binary.LittleEndian.AppendUint64(nil, uint64(end))
	return binary.LittleEndian.AppendUint64(rec, uint64(when))
}

// Write stores a whole log, and answers it.
func (s *Server) Write(id server.LogID, log []byte) []byte {
	s.tb.Helper()
	for off := 0; off < len(log); {
		end := min(off+1<<20, len(log))
		_, err := s.Logs.Append(id, int64(off), log[off:end], Mark(int64(end), time.Duration(off)*time.Microsecond, false))
		s.check(err)
		off = end
	}
	s.Finish(id)
	return log
}

// Finish says that a log is complete.
func (s *Server) Finish(id server.LogID) {
	s.tb.Helper()
	r, err := s.Logs.Reader(id)
	s.check(err)
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	s.check(err)
	s.check(s.Logs.Finish(id, n, hex.EncodeToString(h.Sum(nil))))
}

// Logged makes a run of one job with one activity that passed, with this log.
func (s *Server) Logged(log []byte) server.Run {
	s.tb.Helper()
	run := s.Run(NewJob("test", nil, "unit"))
	c := s.Start(run.ID, "test")
	s.Write(LogOf(c, "unit"), log)
	s.Report(c, plan.Passed, "", Ended("unit", plan.Passed, "", time.Second, 3*time.Second, log))
	return run
}

// Lines makes n lines of a log, as tests of programs write them: some in colour, some with the word "needle".
func Lines(n int) []byte {
	var b bytes.Buffer
	for i := 1; i <= n; i++ {
		switch {
		case i%26_317 == 0:
			fmt.Fprintf(&b, "line %d has the needle in it, and goes on for a while so that it is of usual length\n", i)
		case i%7 == 0:
			fmt.Fprintf(&b, "\x1b[32mok\x1b[0m  \tacme/api/internal/package%04d\t0.%03ds  coverage: 71.%d%% of statements\n", i%10000, i%1000, i%10)
		default:
			fmt.Fprintf(&b, "=== RUN   TestSomething/with_a_name_of_usual_length/%d/and_a_little_more_of_it\n", i)
		}
	}
	return b.Bytes()
}
