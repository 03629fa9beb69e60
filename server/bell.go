package server

import "sync"

// A Bell tells listeners that something about a run changed, and nothing else: who hears it reads the store again. So it
// can lose nothing, and a slow listener holds nobody up. The zero Bell is ready for use.
type Bell struct {
	mu        sync.Mutex // guards listeners
	listeners map[RunID]map[chan struct{}]struct{}
}

// AllRuns is what a listener names to hear of every run.
const AllRuns RunID = 0

// Ring wakes those who listen to the run. It never blocks.
func (b *Bell) Ring(run RunID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range []RunID{run, AllRuns} {
		for c := range b.listeners[id] {
			select {
			case c <- struct{}{}:
			default: // a call is pending already
			}
		}
	}
}

// Listen answers a channel that gets a value some time after each Ring; rings that come faster than they are heard become
// one. Call stop when done.
func (b *Bell) Listen(run RunID) (heard <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners == nil {
		b.listeners = make(map[RunID]map[chan struct{}]struct{})
	}
	if b.listeners[run] == nil {
		b.listeners[run] = make(map[chan struct{}]struct{})
	}
	b.listeners[run][c] = struct{}{}
	return c, func() { b.remove(run, c) }
}

func (b *Bell) remove(run RunID, c chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners[run], c)
	if len(b.listeners[run]) == 0 {
		delete(b.listeners, run)
	}
}
