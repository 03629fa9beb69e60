package agent

import (
	"context"
	"time"
)

// awaitEnd waits until nothing of the job runs any more for sure: its room is closed, or the lease is over, with which its processes
// end whatever happens. It answers false if the agent ends before.
func (j *job) awaitEnd(ctx context.Context, closed <-chan struct{}, until func() time.Duration) bool {
	for {
		pause := leaseCheck
		if at := until(); at > 0 {
			if pause = min(pause, at+leaseSlack-j.w.boottime()); pause <= 0 {
				return true
			}
		}
		clock := time.NewTimer(pause)
		select {
		case <-clock.C:
		case <-closed:
			clock.Stop()
			return true
		case <-ctx.Done():
			clock.Stop()
			return false
		}
	}
}

// deadBy answers when the lease is over that the room was told last: a later one would be no use to what runs there. It is 0 while
// that is not known.
func (j *job) deadBy() func() time.Duration {
	if at := j.lease(); at > 0 {
		return func() time.Duration { return at }
	}
	return j.oldLease
}

// oldLease answers when every lease is over that the process of the agent before this one had; 0 while that is not known.
func (j *job) oldLease() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fence == 0 {
		return 0
	}
	return j.w.began + j.fence
}

// leaseSlack is how long a process may take to end when its lease is over.
const leaseSlack = 2 * time.Second

// isOver notes that nothing of the job runs any more.
func (j *job) isOver() {
	j.mu.Lock()
	j.hold.Ended()
	j.mu.Unlock()
	close(j.ended)
}
