package docker

import (
	"context"

	"github.com/tutti-ci/tutti/executor"
)

// Leave implements executor.Room. The shims lose their connections, go on, and dial until the next process of the agent
// listens. What Docker is making now it makes; whoever adopts the room removes it.
func (r *room) Leave() {
	r.leave(executor.ErrLeft)
	r.stop(executor.ErrLeft)
	r.abort()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.boxes {
		c.shut()
	}
}

func (r *room) isLeft() bool { return context.Cause(r.leaving) == executor.ErrLeft } //nolint:errorlint // nobody wraps it

// untilLeft answers a context that ends with the room being left, too.
func (r *room) untilLeft(ctx context.Context) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.leaving, func() {
		if r.isLeft() {
			end(executor.ErrLeft)
		}
	})
	return ctx, func() { stop(); end(nil) }
}

// unlessLeft answers err, or ErrLeft if the room was left: whatever went wrong then does not matter.
func (r *room) unlessLeft(err error) error {
	if r.isLeft() {
		return executor.ErrLeft
	}
	return err
}

// Renew implements executor.Room.
func (r *room) Renew() {
	select {
	case r.renewed <- struct{}{}:
	default: // it is known already
	}
}
