// Package gateway is the server's end of the agents' websockets, as package agent/wire specifies them.
//
// It owns the sessions: it asks the queue for work on behalf of each agent that has room, carries jobs to the agent and
// what becomes of them back to the store, and the bytes of logs to the log store. It decides nothing about jobs: what a message
// or a silence means is decided by package agent/protocol, each step is a guarded transition in the store, and whatever is only in
// memory here can be lost at any time.
//
// A store that cannot be written ends no session: what an agent said is kept and stored later, and nothing is acknowledged
// before (again.go). A log that cannot be written is put on hold (hold.go). No decision looks at a wall clock.
//
// # Goroutines
//
//	Run ── gives up jobs whose agents were not heard of for too long, and tidies up (fence.go)
//	a request to ControlPath ── receives from an agent (session.go)
//	    ├─ asks the queue for work (grant.go)
//	    ├─ answers what the agent asks about activities, several at once (ask.go)
//	    ├─ does again what the store could not do (again.go)
//	    └─ tells the agent what people want of its jobs, when something changed (watch.go)
//	a request to LogPath ── receives log bytes (ingest.go)
//	    └─ makes them durable and acknowledges them (durable.go)
package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Jobs is where jobs are kept. A claim that is over is answered with server.ErrStale.
type Jobs interface {
	HeldJobs(ctx context.Context, agent server.AgentID) ([]server.HeldJob, error)
	AllHeldJobs(ctx context.Context) ([]server.HeldJob, error)
	// Standings answers how it stands with those of the jobs that exist.
	Standings(ctx context.Context, jobs []server.JobRef) (map[server.JobRef]server.JobStanding, error)
	JobPlan(ctx context.Context, run server.RunID, job string) (plan.Job, error)
	Claims
}

// Claims moves jobs from state to state. The fence is what the agent is told, and is kept with the job: a server with other terms
// must not give it up before.
type Claims interface {
	Accept(ctx context.Context, c server.Claim, fence time.Duration) error
	// AdoptClaim takes in a try that was given out before the store was restored from a backup that does not know it.
	AdoptClaim(ctx context.Context, agent server.AgentID, c server.Claim, fence time.Duration) error
	Return(ctx context.Context, c server.Claim, reason string) error
	Report(ctx context.Context, agent server.AgentID, r server.JobReport) error
	// Lose ends a running job of which nothing runs any more; it may begin anew on another agent.
	Lose(ctx context.Context, c server.Claim, cause string) error
	// LoseForGood is Lose where another attempt would come to the same.
	LoseForGood(ctx context.Context, c server.Claim, cause string) error
}

// Agents is where agents are kept.
type Agents interface {
	UpsertAgent(ctx context.Context, a server.Agent) (session int64, err error)
	AgentStatus(ctx context.Context, id server.AgentID, session int64, s server.AgentStatus) error
	AgentOffline(ctx context.Context, id server.AgentID, session int64) error
	// RefuseAgent notes an agent that is not served, with its problem; one that is online stays as it is.
	RefuseAgent(ctx context.Context, a server.Agent) error
	NoteAgent(ctx context.Context, id server.AgentID, note string) error
	Agents(ctx context.Context) ([]server.Agent, error)
}

// Queue gives out work.
type Queue interface {
	// Next waits for a job for the agent and claims it.
	Next(ctx context.Context, agent func() server.Agent) (server.QueuedJob, int64, error)
	// Wake says that an agent can do other things than before.
	Wake()
}

// Logs is where logs are kept.
type Logs interface {
	Append(id server.LogID, off int64, data, marks []byte) (end int64, err error)
	Sync(id server.LogID) (end int64, err error)
	Length(id server.LogID) (int64, error)
	// Probe says whether logs could be written now.
	Probe() error
	LogEnds
}

// LogEnds finishes logs.
type LogEnds interface {
	Finish(id server.LogID, length int64, sha256 string) error
	Abandon(id server.LogID, why string) error
	AbandonJob(run server.RunID, job string, epoch int64, why string) error
}

// A Gateway serves agents. The fields down to Version must be set; none may change once it serves.
type Gateway struct {
	Jobs   Jobs
	Agents Agents
	Queue  Queue
	Logs   Logs
	Flow   Flow
	// Workspace writes the files of a commit as a tar archive.
	Workspace func(ctx context.Context, project, commit string, w io.Writer) error
	// Token says whether a token is that of agents. It compares in constant time.
	Token   func(token string) bool
	Version string

	Terms protocol.Terms // those of jobs that have no fence of their own; zero is the default
	// Clock is never set and never jumps; it may count from any moment. All decisions are by it. nil is the process's own.
	Clock func() time.Duration
	// Now is for what people read.
	Now func() time.Time
	// Troubles hears that logs cannot be stored; nil if nobody wants to know.
	Troubles *server.Troubles
	// Changed hears that there is other news of the jobs of a run than what the store tells: see Doubts. It must not block.
	Changed func(run server.RunID)
	// Trap is called at named points, where tests end the process or have the step fail.
	Trap func(point string) error
	Log  *slog.Logger

	routing sync.Once
	mux     *http.ServeMux

	starting sync.Once
	base     time.Time     // what the process's own clock counts from
	began    time.Duration // when this gateway did, by the clock

	serving sync.WaitGroup // the requests that are served

	mu       sync.Mutex // guards all below
	sessions map[server.AgentID]*session
	heard    map[server.AgentID]time.Duration // when agents that are not connected were heard of last
	leases   map[server.Claim]*lease
	roster   protocol.Roster
	noted    map[server.AgentID]time.Duration // when there was a conflict about an identity last
	unsaid   map[server.AgentID]int64         // sessions of which the store does not know yet that they ended
	ended    bool
}

// ServeHTTP implements http.Handler for all of /agent/v1/.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case wire.IsBrowser(r):
		http.Error(w, "this address is for agents, not for browsers", http.StatusForbidden)
		return
	case !g.Token(wire.Token(r)):
		http.Error(w, "the agent token is missing or wrong", http.StatusUnauthorized)
		return
	case !g.begin():
		http.Error(w, "the server is being stopped", http.StatusServiceUnavailable)
		return
	}
	defer g.serving.Done()
	g.routing.Do(func() {
		g.mux = http.NewServeMux()
		g.mux.HandleFunc("GET "+wire.ControlPath, g.serveControl)
		g.mux.HandleFunc("GET "+wire.LogPath, g.serveLogs)
		g.mux.HandleFunc("GET /agent/v1/runs/{run}/jobs/{job}/workspace", g.serveWorkspace)
	})
	g.mux.ServeHTTP(w, r)
}

// begin counts a request that is served, unless the gateway ended.
func (g *Gateway) begin() bool {
	g.start()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return false
	}
	g.serving.Add(1)
	return true
}

// start has the clock begin, once.
func (g *Gateway) start() {
	g.starting.Do(func() {
		g.base = time.Now()
		if g.Clock != nil {
			g.began = g.Clock()
		}
	})
}

// clock answers the moment of now. The difference of two is the time between them, whatever becomes of the host's date.
func (g *Gateway) clock() time.Duration {
	g.start()
	if g.Clock == nil {
		return time.Since(g.base)
	}
	return g.Clock()
}

// Run watches over jobs whose agents are away, until ctx ends. It then ends all sessions and answers when they have.
func (g *Gateway) Run(ctx context.Context) error {
	g.start()
	g.keepWatch(ctx)
	g.mu.Lock()
	g.ended = true
	for _, s := range g.sessions {
		s.end(wire.CloseGoing, "the server is being stopped")
	}
	g.mu.Unlock()
	g.serving.Wait()
	return nil
}

// Nudge says that something about a run changed: its agents are told if their jobs should end. It never blocks.
func (g *Gateway) Nudge(run server.RunID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sessions {
		if s.holdsRun(run) {
			s.nudge()
		}
	}
}

// enter makes s the session of its agent. An older one is ended, and is over when enter answers.
func (g *Gateway) enter(s *session) {
	for {
		g.mu.Lock()
		older := g.sessions[s.id]
		if older == nil {
			if g.sessions == nil {
				g.sessions = make(map[server.AgentID]*session)
			}
			g.sessions[s.id] = s
			if g.ended {
				s.end(wire.CloseGoing, "the server is being stopped")
			}
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		older.end(wire.CloseReplaced, "a newer session of this agent took over")
		<-older.over
	}
}

// leave takes s off the list.
func (g *Gateway) leave(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s.id)
	if g.heard == nil {
		g.heard = make(map[server.AgentID]time.Duration)
	}
	g.heard[s.id] = s.lastHeard()
}

// session answers the session of an agent, if it has that number.
func (g *Gateway) session(id server.AgentID, number int64) *session {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.sessions[id]; s != nil && s.number == number {
		return s
	}
	return nil
}

func (g *Gateway) trap(point string) error {
	if g.Trap == nil {
		return nil
	}
	return g.Trap(point)
}

func (g *Gateway) now() time.Time {
	if g.Now == nil {
		return time.Now()
	}
	return g.Now()
}

func (g *Gateway) log() *slog.Logger {
	if g.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return g.Log
}
