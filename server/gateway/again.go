package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

// The time before something is tried again that the store could not do, and the longest.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 5 * time.Second
)

// An awayError says that the store, or that of the logs, cannot be used for now: the same may work later.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// away tells an error of the store that may go by from one that says something about what it was asked.
func away(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if kind := server.KindOf(err); kind == server.Unavailable || kind == server.Internal {
		return &awayError{err}
	}
	return err
}

func isAway(err error) bool {
	var e *awayError
	return errors.As(err, &e)
}

// again does something until the store does it, the session ends, or it fails for another reason, which ends the session. It does not
// wait for it: meanwhile the agent is heard, and its leases are renewed.
func (s *session) again(ctx context.Context, why error, do func(context.Context) error) {
	s.log.Warn("the store cannot be used, and is tried again", "error", why)
	s.work.Go(func() {
		for pause := firstPause; ; pause = min(2*pause, maxPause) {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			err := do(ctx)
			switch {
			case err == nil || ctx.Err() != nil:
				return
			case !isAway(err):
				s.log.Warn("the session cannot go on", "error", err)
				s.end(wire.CloseInternal, "the server cannot go on with this session")
				return
			}
			s.log.Warn("the store still cannot be used", "error", err)
		}
	})
}
