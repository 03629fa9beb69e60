package agent

import (
	"context"
	"sync"
	"time"
)

// How often the engine is asked, and how long it may take to answer.
const (
	checkInterval = 10 * time.Second
	checkLimit    = 5 * time.Second
	sweepLimit    = 2 * time.Minute
)

// health knows whether the engine can work. It also has it swept, once, before anything else.
type health struct {
	engine  Engine
	changed func()        // called when the problem is another
	asked   chan struct{} // closed when the engine was asked for the first time
	swept   chan struct{} // closed when nothing is left of an earlier process

	mu  sync.Mutex // guards why
	why string
}

func newHealth(engine Engine, changed func()) *health {
	return &health{engine: engine, changed: changed, asked: make(chan struct{}), swept: make(chan struct{}),
		why: "the agent is starting"}
}

// problem says why the engine cannot work, or nothing.
func (h *health) problem() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why
}

// run looks after the engine until ctx ends. One that works well enough for jobs is not asked.
func (h *health) run(ctx context.Context, busy func() bool) {
	h.prepare(ctx)
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
			if !busy() || h.problem() != "" {
				h.check(ctx)
			}
		default:
			h.prepare(ctx)
		}
	}
}

// prepare sweeps if the engine answers.
func (h *health) prepare(ctx context.Context) {
	if err := h.ask(ctx); err != nil {
		h.set(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sweepLimit)
	defer cancel()
	if err := h.engine.Sweep(ctx); err != nil {
		h.set(err)
		return
	}
	close(h.swept)
	h.set(nil)
}

// check asks the engine now.
func (h *health) check(ctx context.Context) error {
	err := h.ask(ctx)
	if ctx.Err() == nil {
		h.set(err)
	}
	return err
}

func (h *health) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	return h.engine.Check(ctx)
}

func (h *health) set(err error) {
	why := ""
	if err != nil {
		why = brief(err.Error())
	}
	h.mu.Lock()
	same := h.why == why
	h.why = why
	h.mu.Unlock()
	if !same {
		h.changed()
	}
}
