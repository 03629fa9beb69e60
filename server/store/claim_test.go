package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// TestConcurrentClaims lets 16 workers race for 500 jobs: each must be given to exactly one of them, once.
func TestConcurrentClaims(t *testing.T) {
	const workers, jobs, perRun = 8, 200, 50
	db := ready(t)
	for range jobs / perRun {
		var all []plan.Job
		for i := range perRun {
			all = append(all, job("j"+string(rune('A'+i))))
		}
		create(t, db, all...)
	}
	var mu sync.Mutex
	given := make(map[server.JobRef]int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			if err := claimAll(t.Context(), db, func(j server.QueuedJob, epoch int64) {
				mu.Lock()
				defer mu.Unlock()
				given[j.Ref()]++
				if epoch != 1 {
					t.Errorf("job %v was given under epoch %d", j.Ref(), epoch)
				}
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(given) != jobs {
		t.Errorf("%d jobs were given out, want %d", len(given), jobs)
	}
	for ref, n := range given {
		if n != 1 {
			t.Errorf("job %v was given out %d times", ref, n)
		}
	}
}

// claimAll tries every job that it sees, in the same order as everybody else, so that workers collide all the time.
func claimAll(ctx context.Context, db *store.DB, got func(server.QueuedJob, int64)) error {
	queue, err := db.QueuedJobs(ctx)
	if err != nil {
		return err
	}
	for _, j := range queue {
		epoch, err := db.Offer(ctx, j.Run, j.Job, "a1")
		switch {
		case err == nil:
			got(j, epoch)
		case server.KindOf(err) != server.Conflict:
			return err
		}
	}
	return nil
}

// TestTransitions tries each transition from each phase of a job.
func TestTransitions(t *testing.T) {
	bring := map[string]func(*testing.T, *store.DB, server.RunID) server.Claim{
		"waiting": func(_ *testing.T, _ *store.DB, run server.RunID) server.Claim {
			return server.Claim{Run: run, Job: "late"}
		},
		"queued": func(_ *testing.T, _ *store.DB, run server.RunID) server.Claim {
			return server.Claim{Run: run, Job: "test"}
		},
		"offered": offer,
		"running": func(t *testing.T, db *store.DB, run server.RunID) server.Claim { return start(t, db, run, "test") },
		"done": func(t *testing.T, db *store.DB, run server.RunID) server.Claim {
			c := start(t, db, run, "test")
			finish(t, db, c, plan.Passed, "")
			return c
		},
		"superseded": func(t *testing.T, db *store.DB, run server.RunID) server.Claim {
			c := offer(t, db, run)
			if err := db.Return(t.Context(), c, "no answer"); err != nil {
				t.Fatal(err)
			}
			offer(t, db, run)
			return c
		},
	}
	try := map[string]func(context.Context, *store.DB, server.Claim) error{
		"Offer": func(ctx context.Context, db *store.DB, c server.Claim) error {
			_, err := db.Offer(ctx, c.Run, c.Job, "a1")
			return err
		},
		"Accept": func(ctx context.Context, db *store.DB, c server.Claim) error { return db.Accept(ctx, c, 0) },
		"Return": func(ctx context.Context, db *store.DB, c server.Claim) error { return db.Return(ctx, c, "x") },
		"Report": func(ctx context.Context, db *store.DB, c server.Claim) error {
			return db.Report(ctx, "a1", end(c, 2000, plan.Failed, "x"))
		},
		"Lose": func(ctx context.Context, db *store.DB, c server.Claim) error { return db.Lose(ctx, c, "x") },
	}
	allowed := map[string]string{ // transition and phase -> the job's state afterwards
		"Offer queued":   "queued",
		"Accept offered": "running",
		"Accept running": "running", // repeated
		"Return queued":  "queued",  // repeated; epoch 0 was never offered, but nothing happens either
		"Return offered": "queued",
		"Report running": "done failed",
		"Lose running":   "done lost",
	}
	for phase, to := range bring {
		for name, transition := range try {
			t.Run(name+" "+phase, func(t *testing.T) {
				db := ready(t)
				r := create(t, db, job("test"), job("late", "test"))
				c := to(t, db, r.ID)
				before := states(read(t, db, r.ID))
				err := transition(t.Context(), db, c)
				want, ok := allowed[name+" "+phase]
				if !ok {
					wantKind(t, err, server.Conflict)
					if after := states(read(t, db, r.ID)); after != before {
						t.Errorf("refused, but the run went from %s to %s", before, after)
					}
					return
				}
				j := read(t, db, r.ID).Jobs[0]
				if got := brief(j.State, j.Result); err != nil || got != want {
					t.Errorf("job is %s (error %v), want %s", got, err, want)
				}
			})
		}
	}
}

func offer(t *testing.T, db *store.DB, run server.RunID) server.Claim {
	t.Helper()
	epoch, err := db.Offer(t.Context(), run, "test", "a1")
	if err != nil {
		t.Fatal(err)
	}
	return server.Claim{Run: run, Job: "test", Epoch: epoch}
}

func TestStale(t *testing.T) {
	db := ready(t)
	r := create(t, db, job("test"))
	old := offer(t, db, r.ID)
	if err := db.Return(t.Context(), old, "declined: disk full"); err != nil {
		t.Fatal(err)
	}
	now := start(t, db, r.ID, "test")
	if now.Epoch != old.Epoch+1 {
		t.Errorf("epoch is %d after %d", now.Epoch, old.Epoch)
	}
	for name, err := range map[string]error{
		"Accept":             db.Accept(t.Context(), old, 0),
		"Return":             db.Return(t.Context(), old, "x"),
		"Report":             db.Report(t.Context(), "a1", end(old, 1, plan.Passed, "")),
		"ReportOfProgress":   db.Report(t.Context(), "a1", server.JobReport{Claim: old, Revision: 1}),
		"ReportOfOtherAgent": db.Report(t.Context(), "a2", end(now, 1, plan.Passed, "")),
		"ReportOfNoRun":      db.Report(t.Context(), "a1", end(server.Claim{Run: 99, Job: "test", Epoch: 1}, 1, plan.Passed, "")),
		"Lose":               db.Lose(t.Context(), old, "x"),
	} {
		if !errors.Is(err, server.ErrStale) {
			t.Errorf("%s: error is %v, want ErrStale", name, err)
		}
	}
}

func TestHeldJobs(t *testing.T) {
	db := ready(t)
	connect(t, db, "a2")
	r := create(t, db, job("test"), job("vet"))
	running := start(t, db, r.ID, "test")
	epoch, err := db.Offer(t.Context(), r.ID, "vet", "a2")
	if err != nil {
		t.Fatal(err)
	}
	mine, err := db.HeldJobs(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	if len(mine) != 1 || mine[0].Claim != running || !mine[0].Running || mine[0].Project != "app" || mine[0].Commit != "c0ffee" {
		t.Errorf("held jobs of a1 are %+v", mine)
	}
	all, err := db.AllHeldJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[1].Agent != "a2" || all[1].Epoch != epoch || all[1].Running || time.Since(all[1].OfferedAt) > time.Minute {
		t.Errorf("all held jobs are %+v", all)
	}
}
