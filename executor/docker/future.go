package docker

import (
	"context"
	"sync"
)

// A future is something that is under way.
type future[T any] struct {
	done  chan struct{}
	value T // value and err may be read when done is closed
	err   error
}

// begin starts work in a goroutine for which group waits.
func begin[T any](group *sync.WaitGroup, work func() (T, error)) *future[T] {
	f := &future[T]{done: make(chan struct{})}
	group.Go(func() {
		defer close(f.done)
		f.value, f.err = work()
	})
	return f
}

// wait waits until it is there, or ctx ends; the error is then ctx's cause.
func (f *future[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// ready says whether it is there, without waiting.
func (f *future[T]) ready() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}
