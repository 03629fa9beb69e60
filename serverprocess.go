package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api"
	"github.com/tutti-ci/tutti/server/auth"
	"github.com/tutti-ci/tutti/server/flow"
	"github.com/tutti-ci/tutti/server/forge/git"
	"github.com/tutti-ci/tutti/server/gateway"
	"github.com/tutti-ci/tutti/server/logs"
	"github.com/tutti-ci/tutti/server/queue"
	"github.com/tutti-ci/tutti/server/store"
	"github.com/tutti-ci/tutti/server/trigger"
	"github.com/tutti-ci/tutti/server/web"
)

// serverConfig is what a server can be told.
type serverConfig struct {
	Listen      string
	Data        string
	PublicURL   string        // where people reach it; by default where it listens
	Poll, Fence time.Duration // see the flags of the same names
	InProcess   bool          // compile without the cage: for the pipelines of whoever started the process
	// Libraries reads libraries; nil is mirrors in a folder of Data.
	Libraries trigger.Libraries
	// Given makes the server that of a local run: these settings take the place of stored ones, and no time and no end of a
	// run starts another one.
	Given *givenSettings
}

// A serverProcess is a server, wired: the parts under server/ know each other only here.
type serverProcess struct {
	URL        string // for people
	LocalURL   string // on this host
	AdminToken string
	AgentToken string
	Store      *store.DB
	Trigger    *trigger.Trigger

	auth     *auth.Auth
	logs     *logs.Store
	gateway  *gateway.Gateway
	flow     *flow.Flow
	bell     *server.Bell
	local    bool
	compiler compiler
	listener net.Listener
	handler  http.Handler
	poll     time.Duration
	log      *slog.Logger
}

// A compiler is what the trigger compiles with, and its end.
type compiler interface {
	trigger.Compiler
	Close() error
}

// openServer opens the data folder and the port. Nothing is served before Serve; the caller closes the process.
func openServer(ctx context.Context, cfg serverConfig, log *slog.Logger) (_ *serverProcess, err error) {
	s := &serverProcess{poll: cfg.Poll, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.listener, err = listen(ctx, cfg.Listen); err != nil {
		return nil, err
	}
	s.LocalURL = localURL(s.listener.Addr())
	s.URL = strings.TrimSuffix(cfg.PublicURL, "/")
	if s.URL == "" {
		s.URL = s.LocalURL
	}
	if s.Store, err = store.Open(ctx, filepath.Join(cfg.Data, "tutti.db"), time.Now); err != nil {
		return nil, err
	}
	if s.auth, err = auth.Open(cfg.Data, time.Now, log); err != nil {
		return nil, err
	}
	s.auth.HTTPS = strings.HasPrefix(s.URL, "https://")
	s.AdminToken, s.AgentToken = string(s.auth.Admin), string(s.auth.Agent)
	if s.logs, err = logs.Open(filepath.Join(cfg.Data, "logs")); err != nil {
		return nil, err
	}
	if s.compiler, err = newCompiler(ctx, cfg.InProcess, log); err != nil {
		return nil, err
	}
	return s, s.wire(cfg)
}

// listen takes the port, or says who may have it.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, failed(fmt.Errorf("the address %s is taken: another server listens there; stop it, or choose another with --listen", address))
	}
	if err != nil {
		return nil, failed(fmt.Errorf("cannot listen on %q: %w", address, err))
	}
	return l, nil
}

// localURL is where a listener is reached from its own host.
func localURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// wire makes the parts and introduces them to each other.
func (s *serverProcess) wire(cfg serverConfig) error {
	s.bell, s.local = &server.Bell{}, cfg.Given != nil
	jobs := &queue.Queue{Store: s.Store, Log: s.log}
	mirrors := &git.Mirrors{Dir: filepath.Join(cfg.Data, "mirrors"), Log: s.log}
	libraries := cfg.Libraries
	if libraries == nil {
		libraries = &git.Libraries{Mirrors: &git.Mirrors{Dir: filepath.Join(cfg.Data, "libraries"), Log: s.log}}
	}
	settled := settledStore{s.Store, cfg.Given}
	s.flow = &flow.Flow{Store: settled, Compiler: s.compiler, Now: time.Now, Log: s.log}
	s.Trigger = &trigger.Trigger{
		Store: settled, Forge: mirrors, Libraries: libraries, Compiler: s.compiler, Release: version, Now: time.Now, Log: s.log,
	}
	metrics := api.NewMetrics(s.Store)
	s.gateway = &gateway.Gateway{
		Jobs: s.Store, Agents: s.Store, Queue: jobs, Flow: s.flow, Logs: countedLogs{s.logs, metrics}, Workspace: mirrors.Archive,
		Token: s.auth.Agent.Matches, Fence: cfg.Fence, Version: version, Now: time.Now, Log: s.log,
	}
	s.Store.OnChange = func(run server.RunID) {
		jobs.Wake()
		s.gateway.Nudge(run)
		s.flow.Poke()
		s.bell.Ring(run)
	}
	view := &api.View{Stored: s.Store, LogInfo: s.logs.Info, Explain: s.explain}
	rest := &api.API{
		Projects: registrar{s.Store, s.Trigger}, Settings: s.Store, Runs: view, Approvals: s.Store, Agents: s.Store, Starter: starter{s.Trigger}, Logs: s.logs,
		OpenLog: func(id server.LogID) (api.LogReader, error) { return s.logs.Reader(id) },
		Bell:    s.bell, NewCode: s.auth.NewCode, BaseURL: s.URL, Ready: s.Store.Ping, Metrics: metrics, Log: s.log,
	}
	site, err := web.New(web.Config{
		Runs: view, Projects: s.Store, Agents: s.Store, Logs: s.logs, Bell: s.bell, Door: s.auth,
		Status: api.Status, Now: time.Now, Version: version, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.handler = s.guarded(rest.Handler(), site.Handler())
	return nil
}

// guarded puts every route behind the one door.
func (s *serverProcess) guarded(rest, site http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/agent/v1/", s.gateway)
	for _, path := range []string{"/api/", "/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, rest)
	}
	mux.Handle("/", site)
	refuse := func(w http.ResponseWriter, r *http.Request, err error) { api.WriteError(w, r, s.log, err) }
	return &auth.Guard{Auth: s.auth, Refuse: refuse, Next: mux}
}

// explain says what the queued jobs of a run wait for.
func (s *serverProcess) explain(ctx context.Context, run *server.Run) error {
	queued, err := s.Store.QueuedJobs(ctx)
	if err != nil {
		return err
	}
	agents, err := s.Store.Agents(ctx)
	if err != nil {
		return err
	}
	why := queue.Explain(queued, agents)
	for i := range run.Jobs {
		if reason, ok := why[server.JobRef{Run: run.ID, Job: run.Jobs[i].Name}]; ok {
			run.Jobs[i].WaitsFor = reason
		}
	}
	return nil
}

// A registrar makes sure of a repository before its project is stored.
type registrar struct {
	*store.DB
	trigger *trigger.Trigger
}

func (r registrar) CreateProject(ctx context.Context, p server.Project) error {
	return r.trigger.Register(ctx, p)
}

// A starter is the trigger as the API uses it. Whoever may ask may also ask for what a push would do.
type starter struct{ *trigger.Trigger }

func (s starter) Start(ctx context.Context, project, pipeline, ref string, inputs map[string]string, actor string) (server.Run, error) {
	return s.Trigger.Start(ctx, trigger.Request{
		Project: project, Pipeline: pipeline, Kinds: []string{dsl.KindManual, dsl.KindPush}, Ref: ref, Inputs: inputs, Actor: actor,
	})
}

// countedLogs are the logs, with what arrives in the metrics.
type countedLogs struct {
	*logs.Store
	metrics *api.Metrics
}

func (l countedLogs) Append(id server.LogID, off int64, data, marks []byte) (int64, error) {
	l.metrics.AddLogBytes(int64(len(data)))
	return l.Store.Append(id, off, data, marks)
}

// LoginLink makes a link that signs one person in, once.
func (s *serverProcess) LoginLink() string {
	code, _ := s.auth.NewCode()
	return api.LoginURL(s.URL, code)
}

// Close gives everything back that openServer took.
func (s *serverProcess) Close() error {
	var errs []error
	if s.listener != nil {
		if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("closing the port: %w", err))
		}
	}
	if s.compiler != nil {
		errs = append(errs, s.compiler.Close())
	}
	if s.logs != nil {
		errs = append(errs, s.logs.Close())
	}
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	return errors.Join(errs...)
}
