package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/executor"
)

// An Engine is what the agent needs of what makes containers.
type Engine interface {
	executor.Engine
	// Check says why the engine cannot work, if it cannot.
	Check(ctx context.Context) error
	// Sweep ends and removes all that an earlier process of this agent left, but for the rooms of these jobs.
	Sweep(ctx context.Context, keep []executor.RoomSpec) error
	Close() error
}

// An Agent is what a build host offers. All fields up to Log must be set, but for Labels and Log; none may change once it runs.
// Orders to one that runs are its methods.
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
	MinFree   int64 // see Settings
	KeepLogs  int64
	// Trap is told when certain points are passed, which tests of faults name; an error fails what is done there. nil is nobody.
	Trap func(point string) error

	orders orders
	now    atomic.Pointer[worker]
}

// Limits of a clean stop: for the jobs to end, and then for the server to learn all about them.
const (
	endLimit    = 45 * time.Second
	settleLimit = 10 * time.Second
)

// errStopped is why jobs end when the agent does.
var errStopped = errors.New("the agent was stopped")

// Run serves until ctx ends or an order says so. It then ends its jobs, which are lost, tells the server, and closes the engine;
// or, at a Handoff, leaves them as they are. What the server could not be told in time it is told when the agent runs again. An error
// may also say that something is left on the engine, which the next Run on the data folder removes.
func (a *Agent) Run(ctx context.Context) (err error) {
	defer func() {
		if closing := a.Engine.Close(); closing != nil {
			err = errors.Join(err, fmt.Errorf("closing the engine: %w", closing))
		}
	}()
	if err := os.MkdirAll(a.DataDir, 0o700); err != nil {
		return fmt.Errorf("making the agent's data folder: %w", err)
	}
	unlock, err := lock(a.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	w, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.journal.close()) }()
	a.now.Store(w)
	defer a.now.Store(nil)
	return w.run(ctx)
}

// A worker is an agent that runs.
type worker struct {
	*Agent
	log          *slog.Logger
	id, instance string
	boot         string               // of the host
	clock        func() time.Duration // executor.LeaseTime: it goes on while the host sleeps, and nothing sets it
	began        time.Duration        // when this process did
	journal      *journal
	spool        *spool
	keep         *keep
	vault        *vault
	workspaces   *workspaces
	ship         *shipper
	health       *health
	rooms        rooms
	left         []entry // jobs of the process before this one

	wake    chan struct{} // filled when the server should be told something
	less    chan struct{} // filled when a job is gone
	leased  chan struct{} // filled when a lease began
	recheck chan struct{} // filled when the disk should be looked at
	redial  chan struct{} // filled when to connect again may help now
	leaving chan struct{} // closed when all jobs ended, and the server is to be told
	alone   chan struct{} // closed when, after that, the server cannot be reached
	running sync.WaitGroup

	mu       sync.Mutex // guards all below
	settings Settings
	jobs     map[wire.Claim]*job
	offered  epochs
	declined []wire.Decline
	draining bool
	stopping bool
}

// boottime answers the time on the clock that leases go by.
func (w *worker) boottime() time.Duration { return w.clock() }

// trap says that a point is passed.
func (w *worker) trap(point string) error {
	if w.Trap == nil {
		return nil
	}
	return w.Trap(point)
}

// poke has the pump look for what is new.
func (w *worker) poke() { fill(w.wake) }

// fill makes sure that whoever waits on c looks again.
func fill(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// run is Run, with all in place. The session outlives ctx, so that the server learns how the jobs ended.
func (w *worker) run(ctx context.Context) error {
	serving, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var parts sync.WaitGroup
	held := w.resumeAll(serving)
	parts.Go(func() { w.health.run(serving, held) })
	parts.Go(func() { w.rooms.run(serving) })
	parts.Go(func() { w.sweepAgain(serving) })
	parts.Go(func() { w.watchLeases(serving) })
	parts.Go(func() { w.watchDisk(serving) })
	parts.Go(func() { w.connect(serving) })
	handoff := w.serve(ctx)
	if handoff {
		w.leave()
	} else {
		w.stop()
	}
	hangUp()
	parts.Wait()
	w.running.Wait() // each ends with serving
	w.rooms.closing.Wait()
	if handoff {
		return nil
	}
	return w.leaveNothing(context.WithoutCancel(ctx))
}

// serve obeys orders until one of them, or the end of ctx, ends the agent. It answers whether its jobs are to be left.
func (w *worker) serve(ctx context.Context) (handoff bool) {
	for {
		drain, cancel, handoff, settings := w.orders.take()
		if settings != nil {
			w.reload(*settings)
		}
		if ctx.Err() != nil || cancel || drain && w.drained() {
			return false
		}
		if handoff {
			return true
		}
		select {
		case <-w.orders.wake():
		case <-w.less:
		case <-ctx.Done():
		}
	}
}

// drained lets no new jobs in, and says whether none is left.
func (w *worker) drained() bool {
	w.mu.Lock()
	first := !w.draining
	w.draining = true
	left := len(w.jobs)
	w.mu.Unlock()
	if first {
		w.log.Info("draining: no new jobs are taken, and the agent ends with the last one", "jobs", left)
		w.poke()
	}
	return left == 0
}

// stop ends all jobs and waits until the server knows, within limits.
func (w *worker) stop() {
	w.mu.Lock()
	w.stopping = true
	w.mu.Unlock()
	w.poke()
	jobs := w.all()
	for _, j := range jobs {
		j.end(errStopped)
	}
	w.waitAll(jobs, endLimit, func(j *job) <-chan struct{} { return j.ended })
	close(w.leaving)
	w.waitAll(jobs, settleLimit, func(j *job) <-chan struct{} { return j.gone })
}

// leave gives all jobs up to the next process on the data folder.
func (w *worker) leave() {
	w.mu.Lock()
	w.stopping = true
	w.mu.Unlock()
	jobs := w.all()
	w.log.Info("handing over: what runs goes on, and the next agent on this data folder takes it up", "jobs", len(jobs))
	for _, j := range jobs {
		j.leave()
	}
	if err := w.trap("agent.during_handoff"); err != nil {
		w.log.Error("the handoff failed", "error", err)
	}
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

// status is what the agent can do now.
func (w *worker) status() wire.Status {
	problem := w.health.problem()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := wire.Status{Labels: w.settings.Labels, Capacity: w.settings.Capacity, Problem: problem}
	switch {
	case w.stopping:
		s.Problem = "the agent is being stopped"
	case w.draining:
		s.Problem = "the agent is being drained: it takes no new jobs, and ends with the last one"
	}
	if s.Problem != "" {
		s.Capacity = 0
	}
	return s
}
