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
