package agent

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// swept is an engine that tells when it is swept, and of which jobs the rooms stay.
type swept struct {
	*enginetest.Fake
	began time.Time
	after []time.Duration
	kept  [][]int64 // runs
}

func (s *swept) Sweep(_ context.Context, keep []executor.RoomSpec) error {
	var runs []int64
	for _, spec := range keep {
		runs = append(runs, spec.Run)
	}
	slices.Sort(runs)
	s.after, s.kept = append(s.after, time.Since(s.began)), append(s.kept, runs)
	if len(s.after) == 1 {
		return errors.New("Docker is slow")
	}
	return nil
}

// TestSweptAgain has an engine swept as long as the agent runs, for what came late of what an earlier process had asked for. The
// rooms of the jobs that run stay.
func TestSweptAgain(t *testing.T) {
	w := testWorker(t)
	runs, _ := w.newJob(t.Context(), offer(7), plan.Job{Name: "test"})
	ended, _ := w.newJob(t.Context(), offer(8), plan.Job{Name: "test"})
	ended.isOver()
	for _, j := range []*job{runs, ended} {
		t.Cleanup(func() { j.drop(nil) })
		w.jobs[j.claim] = j
	}
	synctest.Test(t, func(t *testing.T) {
		engine := &swept{began: time.Now()}
		w.Engine, w.health = engine, newHealth(engine, func() {})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		time.AfterFunc(time.Minute, func() { close(w.health.swept) })
		w.sweepAgain(ctx)
		if want := []time.Duration{3 * time.Minute, 13 * time.Minute, 23 * time.Minute}; !slices.Equal(engine.after[:min(3, len(engine.after))], want) {
			t.Errorf("it was swept after %v, not %v", engine.after, want)
		}
		for _, kept := range engine.kept {
			if !slices.Equal(kept, []int64{7}) {
				t.Errorf("the rooms of runs %v were kept", kept)
			}
		}
	})
}

// TestNothingIsLeft has an agent end for good: what came late is swept, and the rooms of jobs that could not be taken up stay for the
// next process.
func TestNothingIsLeft(t *testing.T) {
	w := testWorker(t)
	pending, _ := w.newJob(t.Context(), offer(7), plan.Job{Name: "test"})
	t.Cleanup(func() { pending.drop(nil) })
	w.jobs[pending.claim] = pending
	engine := &swept{}
	w.Engine = engine
	must(t, w.leaveNothing(t.Context()))
	if len(engine.kept) != 1 || !slices.Equal(engine.kept[0], []int64{7}) {
		t.Errorf("it was swept %d times, and the rooms of runs %v were kept", len(engine.kept), engine.kept)
	}
}
