package agent

import (
	"context"
	"time"

	"github.com/tutti-ci/tutti/executor"
)

// When the engine is swept again. What an agent that was killed had just asked for may come to be after the first sweep: the first
// of these comes when the longest such call is over.
const (
	secondSweep = 2 * time.Minute
	laterSweeps = 10 * time.Minute
)

// lastLimit is how long an agent that ends for good tries to remove what could not be removed before.
const lastLimit = 30 * time.Second

// leaveNothing removes, at the end of an agent that hands nothing over, what could not be removed before, and what came late: there may
// never be a next process that sweeps. The error says that something is left.
func (w *worker) leaveNothing(ctx context.Context) error {
	last, cancel := context.WithTimeout(ctx, lastLimit)
	defer cancel()
	if err := w.rooms.finish(last); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	if err := w.Engine.Sweep(call, w.inUse()); err != nil {
		w.log.Warn("what may have come late on the engine could not be looked for", "error", err)
	}
	return nil
}

// sweepAgain has the engine swept from time to time, until ctx ends.
func (w *worker) sweepAgain(ctx context.Context) {
	select {
	case <-w.health.swept: // for the first time
	case <-ctx.Done():
		return
	}
	clock := time.NewTimer(secondSweep)
	defer clock.Stop()
	for {
		select {
		case <-clock.C:
		case <-ctx.Done():
			return
		}
		call, cancel := context.WithTimeout(ctx, sweepLimit)
		err := w.Engine.Sweep(call, w.inUse())
		cancel()
		if err != nil && ctx.Err() == nil {
			w.log.Warn("what earlier processes of the agent left could not be removed; it is tried again", "error", err, "again_in", laterSweeps)
		}
		clock.Reset(laterSweeps)
	}
}

// inUse answers the rooms of the jobs that are not over. Those of the others are closed, or are tried again without a sweep.
func (w *worker) inUse() (rooms []executor.RoomSpec) {
	for _, j := range w.all() {
		if !j.isEnded() {
			rooms = append(rooms, j.spec())
		}
	}
	return rooms
}
