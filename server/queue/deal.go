package queue

import (
	"context"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// deal gives each queued job, oldest first, to whoever has waited longest of those that can take it.
func (q *Queue) deal(ctx context.Context) error {
	jobs, err := q.Store.QueuedJobs(ctx)
	if err != nil {
		return err
	}
	hopeless := make(map[string]bool) // what no waiter has: thousands of jobs may ask for the same
	for _, job := range jobs {
		if hopeless[wish(job)] {
			continue
		}
		w, agent := q.pick(job)
		if w == nil {
			hopeless[wish(job)] = true
			continue
		}
		if err := q.offer(ctx, job, w, agent); err != nil {
			return err
		}
		if q.nobodyWaits() {
			return nil
		}
	}
	return nil
}

// offer claims a job for a waiter that was picked.
func (q *Queue) offer(ctx context.Context, job server.QueuedJob, w *waiter, agent server.AgentID) error {
	epoch, err := q.Store.Offer(ctx, job.Run, job.Job, agent)
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

// wish writes down what a job asks of its agent, so that jobs that ask for the same can be told by it.
func wish(job server.QueuedJob) string {
	return strings.Join(append([]string{job.OS, job.Arch}, job.Labels...), "\n")
}

// pick takes the first waiter off the list that can work and could run the job; nil if there is none.
func (q *Queue) pick(job server.QueuedJob) (*waiter, server.AgentID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiters {
		if a := w.agent(); canWork(a) && a.Serves(job) {
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
