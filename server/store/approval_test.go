package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// stopped is a clock that stands still until it is moved.
type stopped struct{ t time.Time }

func (c *stopped) now() time.Time { return c.t }

// readyAt is ready with a clock.
func readyAt(t *testing.T) (*store.DB, *stopped) {
	t.Helper()
	c := &stopped{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	db, err := store.Open(t.Context(), fresh(t), c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, db) })
	prepare(t, db)
	return db, c
}

func expire(t *testing.T, db *store.DB) time.Time {
	t.Helper()
	next, err := db.Expire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func approval(name string, needs ...string) plan.Job {
	return plan.Job{
		Name: name, Kind: plan.KindApproval, Needs: needs,
		Approval: &plan.Approval{Approvers: []string{"dana", "group:ops"}, Message: "Deploy?", Timeout: plan.Duration(48 * time.Hour)},
	}
}

func TestApproval(t *testing.T) {
	for name, test := range map[string]struct {
		decision server.Decision
		states   string
		cause    string
		again    string
	}{
		"Approve": {
			server.Decision{Approve: true, By: "dana", Comment: "go"},
			"done passed | test: done passed | ok: done passed | deploy: done passed", "", "approval \"ok\" of run 1 was approved already, by dana",
		},
		"Reject": {
			server.Decision{By: "dana", Comment: "not today"},
			"done failed | test: done passed | ok: done failed | deploy: done skipped", "rejected by dana: not today",
			"approval \"ok\" of run 1 was rejected already, by dana",
		},
		"RejectWithoutComment": {
			server.Decision{By: "dana"},
			"done failed | test: done passed | ok: done failed | deploy: done skipped", "rejected by dana",
			"approval \"ok\" of run 1 was rejected already, by dana",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, clock := readyAt(t)
			r := create(t, db, job("test"), approval("ok", "test"), job("deploy", "ok"))
			if j := r.Jobs[1]; j.Approval.AskedAt != nil || j.WaitsFor != "needs test" {
				t.Errorf("before: %+v, %+v", j, j.Approval)
			}
			wantKind(t, db.Decide(t.Context(), r.ID, "ok", test.decision), server.Conflict)
			finish(t, db, start(t, db, r.ID, "test"), plan.Passed, "")
			clock.t = clock.t.Add(time.Minute)
			j := read(t, db, r.ID).Jobs[1]
			if j.State != plan.Waiting || j.WaitsFor != "approval by dana, group:ops: Deploy?" || j.QueuedAt != nil ||
				!j.Approval.Deadline.Equal(clock.t.Add(48*time.Hour-time.Minute)) {
				t.Errorf("asked: %+v, %+v", j, j.Approval)
			}
			if err := db.Decide(t.Context(), r.ID, "ok", test.decision); err != nil {
				t.Fatal(err)
			}
			play(t, db, nil)
			r = read(t, db, r.ID)
			wantStates(t, r, test.states)
			j = r.Jobs[1]
			if a := j.Approval; a.By != "dana" || !a.At.Equal(clock.t) || a.Comment != test.decision.Comment || j.Cause != test.cause {
				t.Errorf("decided: %+v, %+v", j, a)
			}
			err := db.Decide(t.Context(), r.ID, "ok", server.Decision{Approve: true, By: "eve"})
			wantKind(t, err, server.Conflict)
			if err.Error() != test.again {
				t.Errorf("error is %q", err)
			}
			checkHistory(t, changes(t.Context(), t, db, r.ID), facts(r))
		})
	}
	t.Run("NobodyAnswers", func(t *testing.T) {
		db, clock := readyAt(t)
		asked := clock.t
		r := create(t, db, approval("ok"), job("deploy", "ok"))
		for _, wait := range []time.Duration{0, 48*time.Hour - time.Microsecond} {
			clock.t = asked.Add(wait)
			if next := expire(t, db); !next.Equal(asked.Add(48 * time.Hour)) {
				t.Errorf("next is %v", next)
			}
			wantStates(t, read(t, db, r.ID), "queued | ok: waiting | deploy: waiting")
		}
		clock.t = asked.Add(48 * time.Hour)
		if next := expire(t, db); !next.IsZero() {
			t.Errorf("next is %v", next)
		}
		r = read(t, db, r.ID)
		wantStates(t, r, "done failed | ok: done failed | deploy: done skipped")
		if r.Cause != "ok: nobody approved within 48h" {
			t.Errorf("cause is %q", r.Cause)
		}
	})
	t.Run("Canceled", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, approval("ok"))
		if err := db.Cancel(t.Context(), r.ID, "canceled by dana"); err != nil {
			t.Fatal(err)
		}
		wantKind(t, db.Decide(t.Context(), r.ID, "ok", server.Decision{Approve: true, By: "dana"}), server.Conflict)
		if next := expire(t, db); !next.IsZero() {
			t.Errorf("next is %v", next)
		}
	})
	t.Run("ErrNotFound", func(t *testing.T) {
		db := ready(t)
		r := create(t, db, job("test"))
		for _, name := range []string{"test", "nobody"} {
			wantKind(t, db.Decide(t.Context(), r.ID, name, server.Decision{By: "dana"}), server.NotFound)
		}
	})
}

func TestAfterCancellation(t *testing.T) {
	jobs := []plan.Job{job("test"), with(job("clean", "test"), func(j *plan.Job) { j.RunOn = plan.OnAlways })}
	for name, end := range map[string]func(*testing.T, *store.DB, *stopped){
		"SecondCancel": func(t *testing.T, db *store.DB, _ *stopped) {
			if err := db.Cancel(t.Context(), 1, "canceled by eve"); err != nil {
				t.Fatal(err)
			}
		},
		"TenMinutes": func(t *testing.T, db *store.DB, clock *stopped) {
			if next := expire(t, db); !next.Equal(clock.t.Add(10 * time.Minute)) {
				t.Errorf("next is %v", next)
			}
			clock.t = clock.t.Add(10 * time.Minute)
			// The agent gets some time to end it, too.
			if next := expire(t, db); !next.IsZero() && !next.Equal(clock.t.Add(12*time.Minute)) {
				t.Errorf("next is %v", next)
			}
		},
	} {
		for _, running := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", name, running), func(t *testing.T) {
				db, clock := readyAt(t)
				r := create(t, db, jobs...)
				first := start(t, db, r.ID, "test")
				if err := db.Cancel(t.Context(), r.ID, "canceled by dana"); err != nil {
					t.Fatal(err)
				}
				finish(t, db, first, plan.Canceled, "canceled by dana")
				wantStates(t, read(t, db, r.ID), "running | test: done canceled | clean: queued")
				want := "done canceled | test: done canceled | clean: done canceled"
				if running {
					c := start(t, db, r.ID, "clean")
					if held, err := db.HeldJobs(t.Context(), "a1"); err != nil || held[0].Cancel {
						t.Errorf("held jobs are %+v, error %v", held, err)
					}
					defer func() {
						held, err := db.HeldJobs(t.Context(), "a1")
						if err != nil || !held[0].Hard || held[0].Reason != "canceled by dana" {
							t.Errorf("held jobs are %+v, error %v", held, err)
						}
						finish(t, db, c, plan.Canceled, "canceled by dana")
						wantStates(t, read(t, db, r.ID), "done canceled | test: done canceled | clean: done canceled")
					}()
					want = "running | test: done canceled | clean: running"
				}
				end(t, db, clock)
				wantStates(t, read(t, db, r.ID), want)
			})
		}
	}
	t.Run("JobThatRuns", func(t *testing.T) { // its activities with run_on "always" have the same time
		db, clock := readyAt(t)
		start(t, db, create(t, db, job("test")).ID, "test")
		for _, hard := range []bool{false, true} {
			if !hard {
				if err := db.Cancel(t.Context(), 1, "canceled by dana"); err != nil {
					t.Fatal(err)
				}
			} else {
				clock.t = clock.t.Add(10 * time.Minute)
				expire(t, db)
			}
			held, err := db.HeldJobs(t.Context(), "a1")
			if err != nil || !held[0].Cancel || held[0].Hard != hard || held[0].Reason != "canceled by dana" {
				t.Errorf("held jobs are %+v, error %v", held, err)
			}
		}
	})
}
