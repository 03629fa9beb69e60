package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// silent is why a job ends whose server was not heard of for as long as its fence.
type silent struct{ fence time.Duration }

func (s silent) Error() string {
	return fmt.Sprintf("the server was not heard of for %s", plan.Duration(s.fence))
}

// errLeaseOver is why a process may not begin: the job is about to end.
var errLeaseOver = errors.New("its lease is over")

// start takes in the Start of a job, which answers what this session said of it at the moment sent.
func (w *worker) start(c wire.Claim, sent, valid time.Duration) {
	w.tell(c, func(j *job) {
		j.step(silent{valid}, func(h *protocol.Hold) protocol.Step {
			j.fence = valid
			return h.Start(sent, valid, w.boottime())
		})
		fill(w.leased)
	})
}

// renew takes in that the answer to the ping of the moment sent renews the lease of a job.
func (w *worker) renew(c wire.Claim, sent, valid time.Duration) {
	w.tell(c, func(j *job) {
		j.mu.Lock()
		if valid > 0 {
			j.fence = valid
		}
		longer, room := j.hold.Renew(sent, valid), j.room
		j.mu.Unlock()
		if !longer {
			return
		}
		if room != nil {
			room.Renew()
		}
		fill(j.renewed)
		fill(w.leased)
	})
}

// cancel takes in that the server wants the end of a job. It may be said any number of times.
func (w *worker) cancel(c wire.Claim, reason string, hard bool) {
	w.tell(c, func(j *job) {
		j.step(executor.Canceled{Reason: reason}, func(h *protocol.Hold) protocol.Step { return h.Cancel(protocol.LevelOf(true, hard)) })
	})
}

// discard takes in that the server gave a try up.
func (w *worker) discard(c wire.Claim) {
	w.tell(c, func(j *job) { j.step(errDiscarded, (*protocol.Hold).Discard) })
}

// step takes in something that was heard of a job, and does what follows from it.
func (j *job) step(why error, what func(*protocol.Hold) protocol.Step) {
	j.mu.Lock()
	step := what(&j.hold)
	j.mu.Unlock()
	switch step {
	case protocol.Begin:
		j.begin()
	case protocol.EndSoft, protocol.Fence:
		j.end(why)
	case protocol.EndHard:
		var canceled executor.Canceled
		if errors.As(why, &canceled) {
			canceled.Hard = true
			why = canceled
		}
		j.end(why)
	case protocol.Drop, protocol.Forget:
		j.drop(why)
	}
}

// held answers what a Hello says of the job, if it says anything.
func (j *job) held() (phase wire.Phase, say bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.hold.Held()
}

// lease answers until when the job may run, for its room; 0 if that is not known yet.
func (j *job) lease() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	until, known := j.hold.Lease()
	if !known {
		return 0
	}
	return until
}

// mayBegin says whether a process may begin now.
func (j *job) mayBegin() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.hold.MayBegin(j.w.boottime())
}

// awaitLease waits until a process may begin: after a restart of the agent, for the server.
func (j *job) awaitLease(ctx context.Context) error {
	for !j.mayBegin() {
		select {
		case <-j.renewed:
		case <-ctx.Done(): // at the latest with the end of the lease
			return context.Cause(ctx)
		}
	}
	return nil
}

// leaseCheck is the longest time between two looks at the leases: a host that slept has clocks that ran ahead of its timers.
const leaseCheck = 5 * time.Second

// watchLeases ends the jobs whose server was not heard of for too long, until ctx ends.
func (w *worker) watchLeases(ctx context.Context) {
	clock := time.NewTimer(leaseCheck)
	defer clock.Stop()
	for {
		if pause := w.fence(); pause < math.MaxInt64 {
			clock.Reset(min(max(pause, time.Millisecond), leaseCheck))
		} else {
			clock.Stop() // no job has a lease
		}
		select {
		case <-clock.C:
		case <-w.leased:
		case <-ctx.Done():
			return
		}
	}
}

// fence ends the jobs whose time is over, and answers when the next one's will be.
func (w *worker) fence() (pause time.Duration) {
	pause = math.MaxInt64
	for _, j := range w.all() {
		now := w.boottime()
		j.mu.Lock()
		fence := j.fence
		j.mu.Unlock()
		j.step(silent{fence}, func(h *protocol.Hold) protocol.Step { return h.Tick(now) })
		j.mu.Lock()
		if at, wanted := j.hold.Deadline(); wanted {
			pause = min(pause, at-now)
		}
		j.mu.Unlock()
	}
	return pause
}

// shortestFence answers the shortest of the fences of the jobs that run, or 0.
func (w *worker) shortestFence() (shortest time.Duration) {
	for _, j := range w.all() {
		j.mu.Lock()
		if j.fence > 0 && (shortest == 0 || j.fence < shortest) {
			shortest = j.fence
		}
		j.mu.Unlock()
	}
	return shortest
}
