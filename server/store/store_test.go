package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// A clock goes on by a second whenever it is read.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.t = c.t.Add(time.Second)
	return c.t
}

func open(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// empty answers the files of a database in which nothing is yet. To make them takes longer than most tests.
var empty = sync.OnceValues(func() (files map[string][]byte, err error) {
	dir, err := os.MkdirTemp("", "tutti-empty-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "tutti.db")
	db, err := store.Open(context.Background(), path, time.Now)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	files = make(map[string][]byte)
	for _, suffix := range []string{"", ".sums"} {
		if files[suffix], err = os.ReadFile(path + suffix); err != nil {
			return nil, err
		}
	}
	return files, nil
})

// fresh answers where an empty database is, which no other test uses.
func fresh(t testing.TB) (path string) {
	t.Helper()
	files, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "tutti.db")
	for suffix, data := range files {
		if err := os.WriteFile(path+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// ready answers a database with a project "app" and an agent "a1".
func ready(t testing.TB) *store.DB {
	t.Helper()
	db := open(t, fresh(t))
	prepare(t, db)
	return db
}

func prepare(t testing.TB, db *store.DB) {
	t.Helper()
	if err := db.CreateProject(t.Context(), server.Project{Name: "app", URL: "/srv/app.git"}); err != nil {
		t.Fatal(err)
	}
	connect(t, db, "a1")
}

func connect(t testing.TB, db *store.DB, id server.AgentID) int64 {
	t.Helper()
	session, err := db.UpsertAgent(t.Context(), server.Agent{ID: id, Name: "host-" + string(id), Labels: []string{"os=linux"}, Capacity: 2})
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// job makes a job with one activity "do".
func job(name string, needs ...string) plan.Job {
	return plan.Job{Name: name, Needs: needs, Activities: []plan.Activity{{Name: "do", Image: "alpine", Script: "true"}}}
}

func create(t testing.TB, db *store.DB, jobs ...plan.Job) server.Run {
	t.Helper()
	r, err := db.CreateRun(t.Context(), server.NewRun{
		Run:  server.Run{Project: "app", Event: server.Event{Kind: "push", Ref: "refs/heads/main", Branch: "main", Commit: "c0ffee"}},
		Plan: &plan.Plan{Version: plan.Version, Pipeline: "ci", Jobs: jobs},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start brings a queued job to running on agent a1.
func start(t testing.TB, db *store.DB, run server.RunID, name string) server.Claim {
	t.Helper()
	epoch, err := db.Offer(t.Context(), run, name, "a1")
	if err != nil {
		t.Fatal(err)
	}
	c := server.Claim{Run: run, Job: name, Epoch: epoch}
	if err := db.Accept(t.Context(), c, 0); err != nil {
		t.Fatal(err)
	}
	return c
}

// end is the last report of a job with the activity "do".
func end(c server.Claim, revision int64, result plan.Result, cause string) server.JobReport {
	return server.JobReport{
		Claim: c, Revision: revision, Result: result, Cause: "do: " + cause,
		Activities: []server.ActivityReport{{Name: "do", State: plan.Done, Result: result, Cause: cause}},
	}
}

func finish(t testing.TB, db *store.DB, c server.Claim, result plan.Result, cause string) {
	t.Helper()
	if err := db.Report(t.Context(), "a1", end(c, 1000, result, cause)); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, db *store.DB, id server.RunID) server.Run {
	t.Helper()
	r, err := db.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// states writes a run down as "done failed | test: done failed | deploy: done skipped".
func states(r server.Run) string {
	s := brief(r.State, r.Result)
	for _, j := range r.Jobs {
		s += " | " + j.Name + ": " + brief(j.State, j.Result)
	}
	return s
}

func brief(s plan.State, r plan.Result) string {
	if r == "" {
		return string(s)
	}
	return fmt.Sprintf("%s %s", s, r)
}

func wantKind(t testing.TB, err error, kind server.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of kind %s", kind)
	}
	if got := server.KindOf(err); got != kind {
		t.Fatalf("error of kind %s, want %s: %v", got, kind, err)
	}
}

func changes(ctx context.Context, t testing.TB, db *store.DB, run server.RunID) []server.Change {
	t.Helper()
	var all []server.Change
	for after := int64(0); ; {
		part, err := db.Changes(ctx, run, after, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			return all
		}
		all = append(all, part...)
		after = part[len(part)-1].Seq
	}
}
