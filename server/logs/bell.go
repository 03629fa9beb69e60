package logs

import (
	"sync"

	"github.com/tutti-ci/tutti/server"
)

// A bell wakes those who watch a log. It carries no news: who was woken looks for himself, and rings that nobody
// answered yet are one.
type bell struct {
	mu        sync.Mutex // guards listeners
	listeners map[server.LogID]map[chan struct{}]bool
}

func (b *bell) ring(id server.LogID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.listeners[id] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (b *bell) listen(id server.LogID) (heard <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners == nil {
		b.listeners = make(map[server.LogID]map[chan struct{}]bool)
	}
	if b.listeners[id] == nil {
		b.listeners[id] = make(map[chan struct{}]bool)
	}
	b.listeners[id][c] = true
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners[id], c)
		if len(b.listeners[id]) == 0 {
			delete(b.listeners, id)
		}
	}
}
