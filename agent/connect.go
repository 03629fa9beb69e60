package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// How long the agent waits before it connects again.
const (
	minBackoff    = 500 * time.Millisecond
	maxBackoff    = 30 * time.Second
	deniedBackoff = 5 * time.Minute
	// A session that ended sooner is no sign that the server is well: who restarts again and again is not stormed.
	soundSession = time.Minute
	// briefFailures bounds what such sessions count for, so that work still comes soon after the last restart.
	briefFailures = 4
)

// refusedError is the server's Refused.
type refusedError struct{ wire.Refused }

func (e refusedError) Error() string { return "the server refuses this agent: " + e.Reason }

// errRenamed ends a session whose Hello does not fit any more.
var errRenamed = errors.New("the agent has another name now")

// connect keeps a session with the server until ctx ends. An agent that leaves tries only once more.
func (w *worker) connect(ctx context.Context) {
	select {
	case <-w.health.asked: // so that the first thing the server hears is not that the agent is starting
	case <-ctx.Done():
		return
	}
	trouble := repeated{log: w.log}
	for failed, last := 0, false; ; failed++ {
		began := time.Now()
		welcomed, err := w.serveSession(ctx)
		if ctx.Err() != nil {
			return
		}
		if last && !welcomed {
			close(w.alone)
			return
		}
		if welcomed {
			trouble.over()
			failed = min(failed, briefFailures)
			if time.Since(began) >= soundSession {
				failed = 0
			}
		}
		pause := backoff(failed, err)
		trouble.say("there is no connection to the server", err, pause)
		select {
		case <-time.After(pause):
		case <-w.redial:
		case <-w.leaving:
			last = true
		case <-ctx.Done():
			return
		}
	}
}

// backoff answers a random time that grows with the number of failures, so that agents that lost one server at the same time
// do not come back at the same time.
func backoff(failed int, err error) time.Duration {
	var denied *wire.RefusedError
	var refused refusedError
	switch {
	case errors.Is(err, errRenamed):
		return minBackoff
	case errors.As(err, &denied) && denied.Denied():
		return deniedBackoff + rand.N(time.Minute)
	case errors.As(err, &refused) && refused.RetryAfter > 0:
		after := time.Duration(refused.RetryAfter)
		return after + rand.N(max(minBackoff, after/10)) // no more: its jobs' leases run on
	}
	limit := min(maxBackoff, minBackoff<<min(failed+1, 10))
	return minBackoff + rand.N(limit-minBackoff)
}

// repeated says what goes wrong once, and not each time that it does.
type repeated struct {
	log  *slog.Logger
	last string
}

func (r *repeated) say(what string, err error, again time.Duration) {
	level := slog.LevelWarn
	if text := err.Error(); text == r.last {
		level = slog.LevelDebug
	} else {
		r.last = text
	}
	r.log.Log(context.Background(), level, what, "error", err, "again_in", again.Round(time.Millisecond))
}

// over says that it went well, so that the next trouble is news.
func (r *repeated) over() { r.last = "" }
