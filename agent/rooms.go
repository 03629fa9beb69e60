package agent

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/executor"
)

// closeLimit is for the removal of what a job made on the engine. It is longer than any call of an engine that makes
// something: what is just being made cannot be removed.
const closeLimit = 3 * time.Minute

// rooms are closed behind the jobs. Those that could not be closed, because the engine was slow or away, are tried again, so that
// what they made does not stay until the agent starts the next time and sweeps.
type rooms struct {
	trap    func(point string) error
	closing sync.WaitGroup // the first try at each

	mu   sync.Mutex // guards left
	left []leftRoom
}

type leftRoom struct {
	executor.Room
	log    *slog.Logger  // knows the job
	closed chan struct{} // closed when the room is
}

// close begins to remove what a job made, also after its end. What it answers is closed when nothing is left.
func (r *rooms) close(ctx context.Context, room executor.Room, log *slog.Logger) <-chan struct{} {
	left := leftRoom{room, log, make(chan struct{})}
	r.closing.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		err := r.trap("agent.during_cleanup")
		if err == nil {
			err = room.Close(ctx)
		}
		if err == nil {
			close(left.closed)
			return
		}
		log.Error("what a job made could not be removed", "error", err)
		r.mu.Lock()
		r.left = append(r.left, left)
		r.mu.Unlock()
	})
	return left.closed
}

// run tries again until ctx ends.
func (r *rooms) run(ctx context.Context) {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.retry(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// finish tries again until all are closed, or ctx ends. Nobody else tries by then.
func (r *rooms) finish(ctx context.Context) error {
	for pause := minBackoff; ; pause = min(2*pause, checkInterval) {
		r.retry(ctx)
		r.mu.Lock()
		left := len(r.left)
		r.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("what %d jobs made could not be removed; the next agent on this data folder tries again", left)
		}
	}
}

// retry tries each room once.
func (r *rooms) retry(ctx context.Context) {
	r.mu.Lock()
	left := r.left
	r.left = nil
	r.mu.Unlock()
	var still []leftRoom
	for _, room := range left {
		call, cancel := context.WithTimeout(ctx, closeLimit)
		err := room.Close(call)
		cancel()
		if err != nil {
			room.log.Warn("what a job made still could not be removed", "error", err)
			still = append(still, room)
			continue
		}
		room.log.Info("what a job made is removed after all")
		close(room.closed)
	}
	r.mu.Lock()
	r.left = append(r.left, still...)
	r.mu.Unlock()
}
