package agent

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/tutti-ci/tutti/executor"
)

// stuck is a room that cannot be closed so many times.
type stuck struct {
	executor.Room
	left int
}

func (r *stuck) Close(context.Context) error {
	if r.left--; r.left >= 0 {
		return errors.New("Docker is slow")
	}
	return nil
}

// TestRoomsAreClosedAgain has the removal of what a job made fail at first.
func TestRoomsAreClosedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rooms{trap: func(string) error { return nil }}
		room := &stuck{left: 2}
		closed := r.close(t.Context(), room, slog.New(slog.DiscardHandler))
		r.closing.Wait()
		select {
		case <-closed:
			t.Error("it says that the room is closed")
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*checkInterval+1)
		defer cancel()
		r.run(ctx)
		<-closed
		if room.left != -1 || len(r.left) != 0 {
			t.Errorf("the room was tried %d times; %d are left", 2-room.left, len(r.left))
		}
	})
}

// TestRoomsAtTheEnd has an agent end with a room that could not be closed before.
func TestRoomsAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		failures int
		fails    bool
	}{
		"Closed": {failures: 3}, "Left": {failures: 1000, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rooms{trap: func(string) error { return nil }}
				r.close(t.Context(), &stuck{left: c.failures}, slog.New(slog.DiscardHandler))
				r.closing.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), lastLimit)
				defer cancel()
				if err := r.finish(ctx); (err != nil) != c.fails {
					t.Errorf("at the end: %v", err)
				}
			})
		})
	}
}
