// Package queue decides which agent gets which job, and says why a job gets none.
//
// The database is the truth: a job is claimed by a guarded UPDATE there, and a restart loses nothing. What this package
// has in memory are the agents that ask for work, and a bell that wakes one of them. One of them deals at a time, for all. Nothing is
// given out while the server is halted, because its disk is full, say. It knows no connection; package
// gateway asks for work on behalf of its agents and carries it to them.
package queue

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// Store is what the queue needs of package store.
type Store interface {
	// QueuedJobs answers the jobs that may be claimed, oldest first.
	QueuedJobs(ctx context.Context) ([]server.QueuedJob, error)
	// Offer claims a job; a Conflict says that somebody else has.
	Offer(ctx context.Context, run server.RunID, job string, agent server.AgentID) (epoch int64, err error)
	// Return gives a claimed job back.
	Return(ctx context.Context, c server.Claim, reason string) error
	// Agents answers all agents.
	Agents(ctx context.Context) ([]server.Agent, error)
}

// A Queue deals queued jobs to the agents that ask.
type Queue struct {
	Store Store
	// Halted says what keeps jobs from starting, if something does; nil is nothing ever. Wake the queue when that is over.
	Halted func() (server.Trouble, bool)
	// Trap is called at named points, where tests end the process or have the step fail.
	Trap func(point string) error
	Now  func() time.Time // the clock of QueuedJob.NotBefore; nil is the host's
	Log  *slog.Logger

	// bell holds a value while there may be something to deal. Whichever waiting Next hears it deals for all of them, so
	// that ten thousand idle agents cost one look at the database and not ten thousand.
	bell     chan struct{}
	makeBell sync.Once

	dealing sync.Mutex  // held by the one who deals
	missed  atomic.Bool // the bell rang while somebody dealt

	mu      sync.Mutex  // guards all below, and left of each waiter
	waiters []*waiter   // in the order in which they came
	alarm   *time.Timer // rings the bell when a job may be given out that may not now
}

// A waiter is one call of Next.
type waiter struct {
	agent func() server.Agent
	got   chan offer // gets at most one value; the waiter is not among waiters by then
	left  bool       // while somebody dealt to it
}

// An offer is a claimed job; the zero offer is none.
type offer struct {
	job   server.QueuedJob
	epoch int64
}

// Wake says that something may have changed: a job was queued, or an agent can do other things than before. It never blocks.
func (q *Queue) Wake() {
	select {
	case q.rings() <- struct{}{}:
	default: // it rings already
	}
}

func (q *Queue) rings() chan struct{} {
	q.makeBell.Do(func() { q.bell = make(chan struct{}, 1) })
	return q.bell
}

// Next blocks until there is a job that the agent can take, and claims the oldest one for it. The agent is asked anew each
// time, because its labels and its health may change while it waits; the function must not block. One call takes one job:
// whoever has room for several makes several calls, at once or one after the other.
func (q *Queue) Next(ctx context.Context, agent func() server.Agent) (server.QueuedJob, int64, error) {
	w := &waiter{agent: agent, got: make(chan offer, 1)}
	q.mu.Lock()
	q.waiters = append(q.waiters, w)
	q.mu.Unlock()
	q.Wake()
	for {
		select {
		case o := <-w.got:
			return o.job, o.epoch, nil
		case <-q.rings():
			if err := q.dealAlone(ctx); err != nil {
				q.tryLater(ctx, err)
			}
		case <-ctx.Done():
			q.leave(ctx, w)
			return server.QueuedJob{}, 0, ctx.Err()
		}
	}
}

// retryAfter is how long the queue waits after the store failed.
const retryAfter = time.Second

// tryLater rings the bell again after dealing was cut short: at once if that was because this caller leaves, else when the
// store had time to recover.
func (q *Queue) tryLater(ctx context.Context, err error) {
	if ctx.Err() == nil {
		q.Log.Error("jobs cannot be given to agents", "error", err)
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
	q.Wake()
}

// leave ends a wait. What was dealt in the last moment goes back, and a bell that this waiter may have heard rings on.
func (q *Queue) leave(ctx context.Context, w *waiter) {
	defer q.Wake()
	if q.strike(w) {
		return
	}
	o := <-w.got // whoever deals to it answers in any case
	if o.epoch == 0 {
		return
	}
	c := server.Claim{Run: o.job.Run, Job: o.job.Job, Epoch: o.epoch}
	if err := q.Store.Return(context.WithoutCancel(ctx), c, "the agent left before the job reached it"); err != nil {
		q.Log.Error("a job was claimed for an agent that left, and cannot be returned", "run", c.Run, "job", c.Job, "epoch", c.Epoch, "error", err)
	}
}

// strike takes a waiter that leaves off the list; false if it is not there, because somebody deals to it.
func (q *Queue) strike(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiters, w)
	if i < 0 {
		w.left = true
		return false
	}
	q.waiters = slices.Delete(q.waiters, i, i+1)
	return true
}

func (q *Queue) now() time.Time {
	if q.Now == nil {
		return time.Now()
	}
	return q.Now()
}

func (q *Queue) trap(point string) error {
	if q.Trap == nil {
		return nil
	}
	return q.Trap(point)
}
