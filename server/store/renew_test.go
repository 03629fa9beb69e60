package store_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// restored answers a database that was made of a snapshot, as it was after before, of one that then went through after.
func restored(t *testing.T, before, after func(*store.DB)) (*store.DB, *stopped) {
	t.Helper()
	old := mustOpen(t, fresh(t))
	prepare(t, old)
	connect(t, old, "a2")
	before(old)
	path := filepath.Join(t.TempDir(), "tutti.db")
	if err := old.Snapshot(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	after(old)
	given, err := old.Given(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := store.GivenAt(t.Context(), path); err != nil || again.Generation != given.Generation {
		t.Errorf("the snapshot's numbers are %+v, error %v", again, err)
	}
	mustClose(t, old)
	clock := &stopped{time.Now().Add(time.Hour)}
	db, err := store.Open(t.Context(), path, clock.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, db) })
	err = db.Renew(t.Context(), store.Renewal{Backup: clock.t.Add(-time.Hour), After: given, GiveUp: func(fence time.Duration) time.Duration { return 10*time.Minute + fence }})
	if err != nil {
		t.Fatal(err)
	}
	return db, clock
}

func TestRenew(t *testing.T) {
	db, clock := restored(t, func(db *store.DB) {
		r := create(t, db, job("test"), with(job("long"), func(j *plan.Job) { j.Fence = plan.Duration(time.Hour) }), job("offered"))
		start(t, db, r.ID, "test")
		if _, err := db.Offer(t.Context(), r.ID, "offered", "a1"); err != nil {
			t.Fatal(err)
		}
	}, func(db *store.DB) {
		for range 3000 / 100 {
			create(t, db, job("test"))
		}
	})
	wantStates(t, read(t, db, 1), "running | test: running | long: queued | offered: queued")
	if r := create(t, db, job("test")); r.ID != 2001 {
		t.Errorf("the next run is %d", r.ID)
	}
	if at, made, ok, err := db.Restored(t.Context()); err != nil || !ok || !at.Equal(clock.t.Truncate(time.Microsecond).UTC()) || !made.Before(at) {
		t.Errorf("restored at %v, made at %v, %v, error %v", at, made, ok, err)
	}
	queued, err := db.QueuedJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queued {
		_, err := db.Offer(t.Context(), q.Run, q.Job, "a1")
		want := map[string]time.Duration{"long": 70 * time.Minute, "offered": 10 * time.Minute, "test": 0}[q.Job]
		if want == 0 {
			if err != nil || !q.NotBefore.IsZero() {
				t.Errorf("a new run's job has to wait: %v", err)
			}
			continue
		}
		wantKind(t, err, server.Conflict)
		if got := q.NotBefore.Sub(clock.t).Round(time.Second); got != want {
			t.Errorf("%s waits for %v, want %v", q.Job, got, want)
		}
	}
	// The server gives agents more time than was known, or less; what was not there at the restore may begin at once all the same.
	for _, fence := range []time.Duration{20 * time.Minute, time.Minute} {
		err := db.HoldLonger(t.Context(), func(own time.Duration) time.Duration { return max(fence, own) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if queued, err = db.QueuedJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, q := range queued {
		want := map[string]time.Duration{"long": 70 * time.Minute, "offered": 20 * time.Minute}[q.Job]
		if got := q.NotBefore.Sub(clock.t).Round(time.Second); want != got {
			t.Errorf("%s waits for %v, want %v", q.Job, got, want)
		}
	}
	clock.t = clock.t.Add(21 * time.Minute)
	if epoch, err := db.Offer(t.Context(), 1, "offered", "a1"); err != nil || epoch != 1<<20+1 {
		t.Errorf("epoch %d, error %v", epoch, err)
	}
	if err := db.DismissRestored(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, ok, err := db.Restored(t.Context()); ok || err != nil {
		t.Errorf("it is still said, error %v", err)
	}
}

func TestRenewHoldsInstances(t *testing.T) {
	late := server.JobRef{Run: 1, Job: "late"}
	db, clock := restored(t, func(db *store.DB) {
		create(t, db, with(deferred("late"), func(j *plan.Job) { j.Kind = plan.KindMatrix }))
	}, func(db *store.DB) {
		if err := db.Expand(t.Context(), late, matrix("late", 1)); err != nil {
			t.Fatal(err)
		}
		start(t, db, 1, "late.1")
	})
	if err := db.Expand(t.Context(), late, matrix("late", 1)); err != nil {
		t.Fatal(err)
	}
	_, err := db.Offer(t.Context(), 1, "late.1", "a2") // it may live on the other one
	wantKind(t, err, server.Conflict)
	clock.t = clock.t.Add(11 * time.Minute)
	if _, err := db.Offer(t.Context(), 1, "late.1", "a2"); err != nil {
		t.Fatal(err)
	}
}

func TestAdoptClaim(t *testing.T) {
	var first, second server.Claim
	db, _ := restored(t, func(db *store.DB) {
		r := create(t, db, again("test", 1), job("deploy", "test"))
		first = start(t, db, r.ID, "test")
	}, func(db *store.DB) {
		if err := db.Lose(t.Context(), first, "gone"); err != nil {
			t.Fatal(err)
		}
		second = start(t, db, first.Run, "test")
		finish(t, db, second, plan.Passed, "")
		start(t, db, first.Run, "deploy")
	})
	deploy := server.Claim{Run: first.Run, Job: "deploy", Epoch: 1}
	adopt := func(c server.Claim) error { return db.AdoptClaim(t.Context(), "a2", c, 10*time.Minute) }
	for name, c := range map[string]server.Claim{
		"Known": first, "UnknownRun": {Run: 99, Job: "test", Epoch: 5}, "NewerThanThereCanBe": {Run: 1, Job: "test", Epoch: 1<<20 + 7},
	} {
		if err := adopt(c); !errors.Is(err, server.ErrStale) {
			t.Errorf("%s answers %v", name, err)
		}
	}
	s, err := db.Standings(t.Context(), []server.JobRef{first.Ref(), deploy.Ref(), {Run: 99, Job: "x"}})
	if err != nil || len(s) != 2 || s[first.Ref()].Epoch != 1 || s[first.Ref()].Floor != 1<<20 || !s[first.Ref()].Running || s[deploy.Ref()].Epoch != 0 {
		t.Errorf("it stands %+v, error %v", s, err)
	}
	// What runs after it, too, is taken in, and then its end.
	if err := errors.Join(adopt(deploy), adopt(second)); err != nil {
		t.Fatal(err)
	}
	wantStates(t, read(t, db, 1), "running | test: running | deploy: running")
	if err := adopt(second); !errors.Is(err, server.ErrStale) {
		t.Errorf("a second time it answers %v", err)
	}
	if err := db.Report(t.Context(), "a1", end(first, 5000, plan.Passed, "")); !errors.Is(err, server.ErrStale) {
		t.Errorf("the try that the backup knew answers %v", err)
	}
	held, err := db.HeldJobs(t.Context(), "a2")
	if err != nil || len(held) != 2 || held[0].Fence != 10*time.Minute {
		t.Errorf("held are %+v, error %v", held, err)
	}
	for _, c := range []server.Claim{second, deploy} {
		if err := db.Report(t.Context(), "a2", end(c, 7, plan.Passed, "")); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, db, 1)
	wantStates(t, got, "done passed | test: done passed | deploy: done passed")
	if len(got.Jobs[0].Attempts) != 1 || got.Jobs[0].Note != "taken in again after the restore: agent host-a2 has it" {
		t.Errorf("the job is %+v", got.Jobs[0])
	}
	if a := got.Jobs[0].Attempts[0].Activities; len(a) != 1 || a[0].State != plan.Done {
		t.Errorf("of the attempt that the backup knew the activities are %+v", a)
	}
}

// A server makes runs until its data is exchanged, which is some time after its numbers were asked for.
func TestRenewSparesNumbersAboveTheOldOnes(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "tutti.db"))
	prepare(t, db)
	err := db.Renew(t.Context(), store.Renewal{After: store.Given{Run: 5000}, GiveUp: func(time.Duration) time.Duration { return time.Minute }})
	if err != nil {
		t.Fatal(err)
	}
	if r := create(t, db, job("test")); r.ID != 6001 {
		t.Errorf("the next run is %d, want 6001", r.ID)
	}
}
