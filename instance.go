package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api"
	"github.com/tutti-ci/tutti/server/auth"
	"github.com/tutti-ci/tutti/server/backup"
	"github.com/tutti-ci/tutti/server/clock"
	"github.com/tutti-ci/tutti/server/flow"
	"github.com/tutti-ci/tutti/server/forge/git"
	"github.com/tutti-ci/tutti/server/gateway"
	"github.com/tutti-ci/tutti/server/logs"
	"github.com/tutti-ci/tutti/server/queue"
	"github.com/tutti-ci/tutti/server/store"
	"github.com/tutti-ci/tutti/server/trigger"
	"github.com/tutti-ci/tutti/server/web"
)

// An instance is all of a server that knows what is in the data folder: the parts under server/ know each other only here. A
// server process has one at a time, and another one after a restore.
type instance struct {
	Store      *store.DB
	Trigger    *trigger.Trigger
	AdminToken string
	AgentToken string

	cfg      serverConfig
	url      string // for people
	compiler trigger.Compiler
	clock    *clock.Clock
	troubles *server.Troubles
	keeper   api.Keeper // nil in a local run
	auth     *auth.Auth
	logs     *logs.Store
	queue    *queue.Queue
	gateway  *gateway.Gateway
	flow     *flow.Flow
	bell     *server.Bell
	handler  http.Handler
	log      *slog.Logger

	work     sync.WaitGroup  // what start started
	life     context.Context // of what it started, and of requests
	end      context.CancelFunc
	failed   chan error     // holds why a part ended by itself
	requests sync.WaitGroup // that are being answered
}

// open opens the data folder; before it does, and once nobody else can, it calls before, which makes sure that no restore is
// half done. The caller closes the instance, also after an error.
func (in *instance) open(ctx context.Context, before func() error) (err error) {
	in.Store, err = store.Open(ctx, filepath.Join(in.cfg.Data, backup.Database), in.clock.Now,
		store.WithTroubles(in.troubles), store.WithTrap(trap()), store.WithBefore(func() error {
			if err := before(); err != nil {
				return err
			}
			return backup.Tidy(in.cfg.Data)
		}))
	if err != nil {
		return withRemedy(err, in.cfg.Data)
	}
	if err := in.Store.HoldLonger(ctx, giveUp(in.terms())); err != nil {
		return err
	}
	if in.auth, err = auth.Open(in.cfg.Data, in.clock.Now, in.log); err != nil {
		return err
	}
	in.AdminToken, in.AgentToken = string(in.auth.Admin), string(in.auth.Agent)
	if in.logs, err = logs.Open(filepath.Join(in.cfg.Data, backup.Logs)); err != nil {
		return err
	}
	in.logs.Trap = trap()
	return in.wire()
}

// wire makes the parts and introduces them to each other.
func (in *instance) wire() error {
	in.bell = &server.Bell{}
	in.queue = &queue.Queue{Store: in.Store, Halted: in.troubles.Halted, Now: in.clock.Now, Trap: trap(), Log: in.log}
	mirrors := &git.Mirrors{Dir: filepath.Join(in.cfg.Data, "mirrors"), Log: in.log}
	libraries := in.cfg.Libraries
	if libraries == nil {
		libraries = &git.Libraries{Mirrors: &git.Mirrors{Dir: filepath.Join(in.cfg.Data, "libraries"), Log: in.log}}
	}
	settled := settledStore{in.Store, in.cfg.Given}
	in.flow = &flow.Flow{Store: settled, Compiler: in.compiler, Now: in.clock.Now, Log: in.log}
	in.Trigger = &trigger.Trigger{
		Store: settled, Forge: mirrors, Libraries: libraries, Compiler: in.compiler, Release: version, Now: in.clock.Now, Log: in.log,
	}
	metrics := api.NewMetrics(in.Store, in.troubles)
	in.gateway = &gateway.Gateway{
		Jobs: in.Store, Agents: in.Store, Queue: in.queue, Flow: in.flow, Logs: countedLogs{in.logs, metrics}, Workspace: checkout{in.Store, mirrors}.Archive,
		Token: in.auth.Agent.Matches, Terms: in.terms(), Clock: in.clock.Elapsed, Now: in.clock.Now, Troubles: in.troubles, Changed: in.bell.Ring,
		Version: version, Trap: trap(), Log: in.log,
	}
	in.Store.OnChange = func(run server.RunID) {
		in.queue.Wake()
		in.gateway.Nudge(run)
		in.flow.Poke()
		in.bell.Ring(run)
	}
	view := &api.View{Stored: in.Store, LogInfo: in.logs.Info, Explain: in.explain}
	agents := presentAgents{in.Store, in.gateway}
	rest := &api.API{
		Projects: registrar{in.Store, in.Trigger}, Settings: in.Store, Runs: view, Approvals: in.Store, Agents: agents, Starter: starter{in.Trigger}, Logs: in.logs,
		OpenLog: func(id server.LogID) (api.LogReader, error) { return in.logs.Reader(id) },
		Bell:    in.bell, NewCode: in.auth.NewCode, BaseURL: in.url, Ready: in.Store.Ping, Metrics: metrics,
		Keeper: in.keeper, Troubles: in.troubles, Dismiss: in.dismiss, Log: in.log,
	}
	site, err := web.New(web.Config{
		Runs: view, Projects: in.Store, Agents: agents, Logs: in.logs, Bell: in.bell, Door: in.auth,
		Troubles: in.troubles, Dismiss: in.dismiss, Status: api.Status, Now: in.clock.Now, Version: version, Log: in.log,
	})
	if err != nil {
		return err
	}
	in.handler = in.guarded(rest.Handler(), site.Handler())
	return nil
}

// guarded puts every route behind the one door.
func (in *instance) guarded(rest, site http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/agent/v1/", in.gateway)
	for _, path := range []string{"/api/", "/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, rest)
	}
	mux.Handle("/", site)
	refuse := func(w http.ResponseWriter, r *http.Request, err error) { api.WriteError(w, r, in.log, err) }
	return &auth.Guard{Auth: in.auth, Refuse: refuse, Next: mux}
}

// start starts all that works by itself, until stop.
func (in *instance) start(ctx context.Context) {
	ctx, in.end = context.WithCancel(ctx)
	in.life = ctx
	in.keepHouse(ctx)
	in.failed = make(chan error, 2)
	in.work.Go(func() { in.part(ctx, "the gateway", in.gateway.Run) })
	in.work.Go(func() { in.part(ctx, "the flow", in.flow.Run) })
	if in.cfg.Given == nil {
		changed, stop := in.bell.Listen(server.AllRuns)
		in.work.Go(func() {
			defer stop()
			in.Trigger.Follow(ctx, changed)
		})
		in.work.Go(func() { in.Trigger.KeepTime(ctx) })
	}
	if in.cfg.Poll > 0 {
		in.work.Go(func() { in.Trigger.Poll(ctx, in.cfg.Poll) })
	}
}

func (in *instance) part(ctx context.Context, name string, run func(context.Context) error) {
	if err := run(ctx); err != nil {
		in.failed <- fmt.Errorf("running %s: %w", name, err)
	}
}

// stop ends what start started, and waits for it and for requests that are being answered.
func (in *instance) stop(limit time.Duration) {
	if in.end != nil {
		in.end()
	}
	in.work.Wait()
	answered := make(chan struct{})
	go func() { // ends with the last request, whose connection the server closes in the end
		in.requests.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-time.After(limit):
	}
}

// close gives everything back that open took.
func (in *instance) close() error {
	var errs []error
	if in.logs != nil {
		errs = append(errs, in.logs.Close())
	}
	if in.Store != nil {
		errs = append(errs, in.Store.Close())
	}
	in.logs, in.Store = nil, nil // it may be called again
	return errors.Join(errs...)
}

// explain says what the queued jobs of a run wait for, and of running ones that their agent is not heard of.
func (in *instance) explain(ctx context.Context, run *server.Run) error {
	queued, err := in.Store.QueuedJobs(ctx)
	if err != nil {
		return err
	}
	agents, err := in.Store.Agents(ctx)
	if err != nil {
		return err
	}
	doubts, err := in.gateway.Doubts(ctx)
	if err != nil {
		return err
	}
	why := in.queue.Explain(queued, agents)
	for i := range run.Jobs {
		ref := server.JobRef{Run: run.ID, Job: run.Jobs[i].Name}
		for _, words := range []map[server.JobRef]string{why, doubts} {
			if reason, ok := words[ref]; ok {
				run.Jobs[i].WaitsFor = reason
			}
		}
	}
	return nil
}
