package trigger

import (
	"context"
	"fmt"
	"sync"
)

// keyedLocks are locks by name. A name costs a few bytes for ever; names are those of projects.
type keyedLocks struct {
	mu    sync.Mutex // guards locks
	locks map[string]chan struct{}
}

// lock waits for the lock of that name, or for the context's end.
func (k *keyedLocks) lock(ctx context.Context, name string) (unlock func(), err error) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = make(map[string]chan struct{})
	}
	c := k.locks[name]
	if c == nil {
		c = make(chan struct{}, 1)
		k.locks[name] = c
	}
	k.mu.Unlock()
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for another push to project %s: %w", name, ctx.Err())
	}
}
