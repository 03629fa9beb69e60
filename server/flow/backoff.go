package flow

import (
	"maps"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// How long to wait before something is tried again: at first, and at most.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// A retry says how often something failed, and when it may be tried again.
type retry struct {
	failures int
	at       time.Time
}

// A backoff is what failed, and not for good. It is kept in memory only: after a restart everything is tried at once.
type backoff map[server.Pending]retry

// failed notes a failure, and answers when to try again.
func (b backoff) failed(p server.Pending, now time.Time) time.Time {
	r := b[p]
	wait := min(firstRetry<<min(r.failures, 10), lastRetry)
	b[p] = retry{r.failures + 1, now.Add(wait)}
	return b[p].at
}

// keep forgets what is pending no more.
func (b backoff) keep(pending []server.Pending) {
	still := make(map[server.Pending]bool, len(pending))
	for _, p := range pending {
		still[p] = true
	}
	maps.DeleteFunc(b, func(p server.Pending, _ retry) bool { return !still[p] })
}
