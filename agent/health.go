package agent

import (
	"context"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/executor"
)

// How often the engine is asked, and how long it may take to answer.
const (
	checkInterval = 10 * time.Second
	checkLimit    = 5 * time.Second
	sweepLimit    = 2 * time.Minute
)

// health knows whether the agent can work: its engine, and the disk of its data. It also has the engine swept, once, before anything
// new begins.
type health struct {
	engine  Engine
	changed func()        // called when the problem is another
	asked   chan struct{} // closed when the engine was asked for the first time
	swept   chan struct{} // closed when nothing is left of an earlier process but what is taken up

	mu   sync.Mutex // guards what follows
	why  string     // the engine cannot work
	disk string     // there is too little space
}

func newHealth(engine Engine, changed func()) *health {
	return &health{engine: engine, changed: changed, asked: make(chan struct{}), swept: make(chan struct{}),
		why: "the agent is starting"}
}

// problem says why the agent cannot work, or nothing.
func (h *health) problem() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why != "" {
		return h.why
	}
	return h.disk
}

// run looks after the engine until ctx ends. The rooms of jobs that are taken up stay.
func (h *health) run(ctx context.Context, keep []executor.RoomSpec) {
	h.prepare(ctx, keep)
	close(h.asked)
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-h.swept:
			_ = h.check(ctx) // it is noted
		default:
			h.prepare(ctx, keep)
		}
	}
}

// prepare sweeps if the engine answers.
func (h *health) prepare(ctx context.Context, keep []executor.RoomSpec) {
	if err := h.ask(ctx); err != nil {
		h.set(&h.why, err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sweepLimit)
	defer cancel()
	if err := h.engine.Sweep(ctx, keep); err != nil {
		h.set(&h.why, err)
		return
	}
	close(h.swept)
	h.set(&h.why, nil)
}

// check asks the engine now. What runs goes on whatever it answers; nothing new begins as long as it cannot work.
func (h *health) check(ctx context.Context) error {
	err := h.ask(ctx)
	if ctx.Err() == nil {
		h.set(&h.why, err)
	}
	return err
}

func (h *health) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	return h.engine.Check(ctx)
}

// setDisk takes in whether there is space.
func (h *health) setDisk(err error) { h.set(&h.disk, err) }

func (h *health) set(part *string, err error) {
	why := ""
	if err != nil {
		why = brief(err.Error())
	}
	h.mu.Lock()
	same := *part == why
	*part = why
	h.mu.Unlock()
	if !same {
		h.changed()
	}
}
