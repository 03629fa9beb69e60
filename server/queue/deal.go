package queue

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// dealAlone deals, unless somebody does, who will have the bell ring again: two who deal from the same list of jobs only get in each
// other's way.
func (q *Queue) dealAlone(ctx context.Context) error {
	q.missed.Store(true)
	if !q.dealing.TryLock() {
		return nil
	}
	q.missed.Store(false)
	err := q.deal(ctx)
	q.dealing.Unlock()
	if q.missed.Load() {
		q.Wake()
	}
	return err
}

// deal gives each queued job, oldest first, to whoever has waited longest of those that can take it. Nobody gets anything while the
// server is halted.
func (q *Queue) deal(ctx context.Context) error {
	if q.nobodyWaits() || q.halted() {
		return nil
	}
	jobs, err := q.Store.QueuedJobs(ctx)
	if err != nil {
		return err
	}
	r := round{q: q, now: q.now(), hopeless: make(map[string]bool)}
	defer func() { q.ringAt(r.now, r.next) }()
	for _, job := range jobs {
		if err := r.deal(ctx, job); err != nil {
			return err
		}
		if q.nobodyWaits() {
			return nil
		}
	}
	return nil
}

// A round is one dealing.
type round struct {
	q        *Queue
	now      time.Time
	next     time.Time       // when the first of those may be given out that may not now; zero if there is none
	hopeless map[string]bool // what no waiter has: thousands of jobs may ask for the same
	others   []server.Agent  // that are connected and can work; nil before it is asked
}

// deal gives one job to a waiter, if one can take it.
func (r *round) deal(ctx context.Context, job server.QueuedJob) error {
	if job.NotBefore.After(r.now) {
		if r.next.IsZero() || job.NotBefore.Before(r.next) {
			r.next = job.NotBefore
		}
		return nil
	}
	asked := wish(job)
	if r.hopeless[asked] {
		return nil
	}
	w, agent := r.q.pick(job, job.Avoid)
	if w == nil && job.Avoid != "" {
		other, err := r.another(ctx, job)
		if err != nil {
			return err
		}
		if !other { // better the same again than none
			w, agent = r.q.pick(job, "")
		}
	}
	if w == nil {
		r.hopeless[asked] = true
		return nil
	}
	return r.q.offer(ctx, job, w, agent)
}

// another says whether there is an agent for a job besides the one that should not get it: it may have no room now.
func (r *round) another(ctx context.Context, job server.QueuedJob) (bool, error) {
	if r.others == nil {
		all, err := r.q.Store.Agents(ctx)
		if err != nil {
			return false, err
		}
		r.others = slices.DeleteFunc(all, func(a server.Agent) bool { return !a.Online || !canWork(a) })
	}
	return slices.ContainsFunc(r.others, func(a server.Agent) bool { return a.ID != job.Avoid && a.Serves(job) }), nil
}

// ringAt has the bell ring at a time, if it is one.
func (q *Queue) ringAt(now, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.alarm != nil {
		q.alarm.Stop()
		q.alarm = nil
	}
	if !at.IsZero() {
		q.alarm = time.AfterFunc(at.Sub(now), q.Wake)
	}
}

func (q *Queue) halted() bool {
	if q.Halted == nil {
		return false
	}
	_, yes := q.Halted()
	return yes
}

// offer claims a job for a waiter that was picked.
func (q *Queue) offer(ctx context.Context, job server.QueuedJob, w *waiter, agent server.AgentID) error {
	epoch, err := q.claim(ctx, job, agent)
	if err != nil {
		q.putBack(w)
		if server.KindOf(err) == server.Conflict {
			return nil // somebody else has it, or it was canceled
		}
		return err
	}
	w.got <- offer{job: job, epoch: epoch}
	return nil
}

// claim claims a job for an agent.
func (q *Queue) claim(ctx context.Context, job server.QueuedJob, agent server.AgentID) (epoch int64, err error) {
	if err := q.trap("server.before_offer_tx"); err != nil {
		return 0, err
	}
	epoch, err = q.Store.Offer(ctx, job.Run, job.Job, agent)
	if err != nil {
		return 0, err
	}
	if err := q.trap("server.after_offer_tx"); err != nil {
		return 0, err
	}
	return epoch, nil
}

// wish writes down what a job asks of its agent, so that jobs that ask for the same can be told by it.
func wish(job server.QueuedJob) string {
	return strings.Join(append([]string{job.OS, job.Arch, string(job.Avoid)}, job.Labels...), "\n")
}

// pick takes the first waiter off the list that can work and could run the job, but not this agent; nil if there is none.
func (q *Queue) pick(job server.QueuedJob, but server.AgentID) (*waiter, server.AgentID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiters {
		if a := w.agent(); canWork(a) && a.Serves(job) && (but == "" || a.ID != but) {
			q.waiters = slices.Delete(q.waiters, i, i+1)
			return w, a.ID
		}
	}
	return nil, ""
}

// putBack undoes pick: the waiter is the first again. The bell rings, because another dealing may have missed it meanwhile.
func (q *Queue) putBack(w *waiter) {
	defer q.Wake()
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.left {
		w.got <- offer{}
		return
	}
	q.waiters = slices.Insert(q.waiters, 0, w)
}

func (q *Queue) nobodyWaits() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiters) == 0
}

// canWork says whether an agent takes jobs at all, however busy it is.
func canWork(a server.Agent) bool { return a.Problem == "" && a.Capacity > 0 }
