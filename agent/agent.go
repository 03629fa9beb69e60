package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/executor"
)

// An Engine is what the agent needs of what makes containers.
type Engine interface {
	executor.Engine
	// Check says why the engine cannot work, if it cannot.
	Check(ctx context.Context) error
	// Sweep ends and removes all that an earlier process of this agent left.
	Sweep(ctx context.Context) error
	Close() error
}

// An Agent is what a build host offers. All fields but Labels and Log must be set; none may change once it runs.
type Agent struct {
	ServerURL string
	Token     string
	DataDir   string // nobody else may use it
	Name      string // for people
	Labels    []string
	Capacity  int // jobs at once
	Version   string
	Engine    Engine
	Log       *slog.Logger
}

// Limits of a clean stop: for the jobs to end, and then for the server to learn all about them.
const (
	endLimit    = 45 * time.Second
	settleLimit = 10 * time.Second
)

// errStopped is why jobs end when the agent does.
var errStopped = errors.New("the agent was stopped")

// Run serves until ctx ends. It then ends its jobs, which are lost, tells the server, and closes the engine. What the server
// could not be told in time it is told when the agent runs again.
func (a *Agent) Run(ctx context.Context) (err error) {
	defer func() {
		if closing := a.Engine.Close(); closing != nil {
			err = errors.Join(err, fmt.Errorf("closing the engine: %w", closing))
		}
	}()
	if err := os.MkdirAll(a.DataDir, 0o700); err != nil {
		return fmt.Errorf("making the agent's data folder: %w", err)
	}
	unlock, err := lock(filepath.Join(a.DataDir, "lock"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	w, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.journal.close()) }()
	w.run(ctx)
	return nil
}

// open reads what is in the data folder.
func (a *Agent) open() (*worker, error) {
	w := &worker{
		Agent: a, log: a.Log, jobs: make(map[wire.Claim]*job),
		wake: make(chan struct{}, 1), leaving: make(chan struct{}), alone: make(chan struct{}),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if w.id, err = Identity(a.DataDir); err != nil {
		return nil, err
	}
	if w.instance, err = randomID(); err != nil {
		return nil, err
	}
	if w.spool, err = openSpool(filepath.Join(a.DataDir, "spool")); err != nil {
		return nil, err
	}
	dialer := wire.Dialer{URL: a.ServerURL, Token: a.Token}
	if w.workspaces, err = openWorkspaces(filepath.Join(a.DataDir, "workspaces"), dialer, w.id, w.log); err != nil {
		return nil, err
	}
	w.dialer, w.ship, w.health = dialer, newShipper(), newHealth(a.Engine, w.poke)
	var held []entry
	if w.journal, held, err = openJournal(filepath.Join(a.DataDir, "journal")); err != nil {
		return nil, err
	}
	w.left = held
	return w, nil
}

// A worker is an agent that runs.
type worker struct {
	*Agent
	log          *slog.Logger
	id, instance string
	dialer       wire.Dialer
	journal      *journal
	spool        *spool
	workspaces   *workspaces
	ship         *shipper
	health       *health
	rooms        rooms
	left         []entry // jobs of the process before this one

	wake    chan struct{} // filled when the server should be told something
	leaving chan struct{} // closed when all jobs ended, and the server is to be told
	alone   chan struct{} // closed when, after that, the server cannot be reached
	running sync.WaitGroup

	mu       sync.Mutex // guards all below
	jobs     map[wire.Claim]*job
	declined []wire.Decline
	stopping bool
}

// poke has the pump look for what is new.
func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run is Run, with all in place. The session outlives ctx, so that the server learns how the jobs ended.
func (w *worker) run(ctx context.Context) {
	serving, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var parts sync.WaitGroup
	parts.Go(func() { w.health.run(serving, w.busy) })
	parts.Go(func() { w.rooms.run(serving) })
	w.resumeAll(serving)
	parts.Go(func() { w.connect(serving) })
	<-ctx.Done()
	w.stop()
	hangUp()
	parts.Wait()
	w.running.Wait() // each ends with serving
}

// stop ends all jobs and waits until the server knows, within limits.
func (w *worker) stop() {
	w.mu.Lock()
	w.stopping = true
	w.mu.Unlock()
	w.poke()
	jobs := w.all()
	for _, j := range jobs {
		j.cancel(errStopped)
	}
	w.waitAll(jobs, endLimit, func(j *job) <-chan struct{} { return j.ended })
	close(w.leaving)
	w.waitAll(jobs, settleLimit, func(j *job) <-chan struct{} { return j.gone })
}

// waitAll waits for something of each job, no longer than limit, and not for a server that cannot be reached.
func (w *worker) waitAll(jobs []*job, limit time.Duration, what func(*job) <-chan struct{}) {
	late := time.After(limit)
	for _, j := range jobs {
		select {
		case <-what(j):
		case <-w.alone:
			return
		case <-late:
			return
		}
	}
}

// all answers the jobs that the agent holds.
func (w *worker) all() []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	jobs := make([]*job, 0, len(w.jobs))
	for _, j := range w.jobs {
		jobs = append(jobs, j)
	}
	return jobs
}

func (w *worker) job(c wire.Claim) *job {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.jobs[c]
}

func (w *worker) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.jobs) > 0
}

// status is what the agent can do now.
func (w *worker) status() wire.Status {
	s := wire.Status{Labels: w.Labels, Capacity: w.Capacity, Problem: w.health.problem()}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping {
		s.Problem = "the agent is being stopped"
	}
	if s.Problem != "" {
		s.Capacity = 0
	}
	return s
}
