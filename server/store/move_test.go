package store_test

import (
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Somebody sets the clock. Nothing ends for it, and the history stays in order.
func TestMove(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour, 87600 * time.Hour, -87600 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			db, clock := readyAt(t)
			r := create(t, db, approval("ok"), with(job("test"), func(j *plan.Job) { j.Timeout = plan.Duration(time.Hour) }), job("vet"))
			start(t, db, r.ID, "test")
			firing := server.Firing{Project: "app", Schedule: server.Schedule{Pipeline: "ci", Cron: "* * * * *"}, At: clock.t}
			if _, err := db.FireSchedule(t.Context(), firing, nil); err != nil {
				t.Fatal(err)
			}
			first := expire(t, db).Sub(clock.t)
			if err := db.Move(t.Context(), by, func(by time.Duration) { clock.t = clock.t.Add(by) }); err != nil {
				t.Fatal(err)
			}
			if next := expire(t, db).Sub(clock.t); next != first {
				t.Errorf("the next deadline is in %v, and was in %v", next, first)
			}
			got := read(t, db, r.ID)
			wantStates(t, got, "running | ok: waiting | test: running | vet: queued")
			if left := got.Jobs[0].Approval.Deadline.Sub(clock.t); left != 48*time.Hour {
				t.Errorf("the approval has %v left", left)
			}
			if age := clock.t.Sub(*got.Jobs[1].StartedAt); age != 0 {
				t.Errorf("the job runs for %v", age)
			}
			firing.At = clock.t.Add(time.Minute)
			if _, err := db.FireSchedule(t.Context(), firing, nil); err != nil {
				t.Errorf("the schedule does not fire any more: %v", err)
			}
			finish(t, db, start(t, db, r.ID, "vet"), plan.Passed, "")
			for i, c := range changes(t.Context(), t, db, r.ID) {
				if i > 0 && c.Seq <= changes(t.Context(), t, db, r.ID)[i-1].Seq {
					t.Error("the history is out of order")
				}
			}
		})
	}
}
