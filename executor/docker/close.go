package docker

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Close implements executor.Room.
func (r *room) Close(ctx context.Context) error {
	if r.isLeft() || r.isGone() {
		return nil
	}
	r.stop(errClosed)
	r.abort()
	// What is being made comes to its end first: it could not be removed before.
	if err := waitFor(ctx, &r.making); err != nil {
		return err
	}
	err := errors.Join(r.dropFiles(), r.removeBoxes(ctx))
	if r.adopted != nil {
		err = errors.Join(err, r.engine.removeLeft(ctx, r)) // also what Docker was still making when the earlier process died
	}
	for _, n := range append(r.strays, r.network) {
		err = errors.Join(err, r.engine.networks.remove(ctx, n))
	}
	err = errors.Join(err, r.removeVolume(ctx), waitFor(ctx, &r.pumps))
	if err == nil {
		r.engine.leave(r)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gone = true
	}
	return err
}

func (r *room) isGone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

func (r *room) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// abort lets no more containers be made, and nobody wait for their shims.
func (r *room) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, c := range r.boxes {
		if c.listener != nil {
			_ = c.listener.Close() // it may be closed already
		}
	}
}

func (r *room) removeBoxes(ctx context.Context) error {
	r.mu.Lock()
	var left []*box
	for _, c := range r.boxes {
		left = append(left, c)
	}
	r.mu.Unlock()
	return inParallel(slices.Values(left), func(c *box) error { return r.remove(ctx, c) })
}

// removeVolume removes the workspace, which is there only if a container ever was.
func (r *room) removeVolume(ctx context.Context) error {
	r.mu.Lock()
	none := r.count == 0
	r.mu.Unlock()
	if none {
		return nil
	}
	return insist(ctx, "volume "+r.name, func(ctx context.Context) error {
		return r.engine.client.VolumeRemove(ctx, r.name, true)
	})
}

// waitFor waits for a group, but no longer than ctx.
func waitFor(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { // ends with the group, which has its own limits
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
