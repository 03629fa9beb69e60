package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

func TestOpen(t *testing.T) {
	t.Run("MakesFolderAndPrivateFile", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a b?c%20#d", "tutti.db") // none of it may be read as part of a URL
		open(t, path)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode is %v, want 0600", info.Mode())
		}
	})
	t.Run("ErrInUse", func(t *testing.T) {
		dir := t.TempDir()
		open(t, filepath.Join(dir, "tutti.db"))
		_, err := store.Open(t.Context(), filepath.Join(dir, "tutti.db"), time.Now)
		wantKind(t, err, server.Conflict)
		want := fmt.Sprintf("data folder %s is in use by another tutti (pid %d)", dir, os.Getpid())
		if err.Error() != want {
			t.Errorf("error is %q, want %q", err, want)
		}
	})
	t.Run("ErrNewerSchema", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tutti.db")
		first, err := store.Open(t.Context(), path, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		execute(t, path, `INSERT INTO migrations (version, name, at) VALUES (999, '0999_future', 0)`)
		_, err = store.Open(t.Context(), path, time.Now)
		wantKind(t, err, server.Conflict)
		if !strings.Contains(err.Error(), "written by a newer tutti (its schema has version 999") {
			t.Errorf("error is %q", err)
		}
		// The refusal has to leave the folder free.
		execute(t, path, `DELETE FROM migrations WHERE version = 999`)
		open(t, path)
	})
	t.Run("CutShortAfterKill", func(t *testing.T) {
		from, path := filepath.Join(t.TempDir(), "tutti.db"), filepath.Join(t.TempDir(), "tutti.db")
		db := mustOpen(t, from)
		used(t, db)
		want := content(t, db)
		copyFiles(t, from, path) // as it is left by a process that is killed
		mustClose(t, db)
		ended, end := context.WithCancel(t.Context())
		defer end()
		for range 2 {
			if _, err := store.Open(ended, path, func() time.Time { end(); return time.Now() }); !errors.Is(err, context.Canceled) {
				t.Fatalf("a start that is cut short answers %v", err)
			}
		}
		if got := content(t, open(t, path)); got != want {
			t.Error("after starts that were cut short it has other content")
		}
	})
	t.Run("ErrNoDatabase", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tutti.db")
		if err := os.WriteFile(path, []byte(strings.Repeat("this is not a database ", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
		if db, err := store.Open(t.Context(), path, time.Now); err == nil {
			t.Errorf("no error; closing: %v", db.Close())
		}
	})
}

// execute changes a database by hand, as whoever removes its sums may.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	if err := os.Remove(path + ".sums"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRestartKeepsAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tutti.db")
	first, err := store.Open(t.Context(), path, newClock().now)
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, first)
	r := create(t, first, job("test"), job("deploy", "test"))
	c := start(t, first, r.ID, "test")
	if err := first.Cancel(t.Context(), r.ID, "canceled by dana"); err != nil {
		t.Fatal(err)
	}
	wantRun, wantChanges := read(t, first, r.ID), changes(t.Context(), t, first, r.ID)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := open(t, path)
	if diff := cmp.Diff(wantRun, read(t, second, r.ID)); diff != "" {
		t.Errorf("run (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(wantChanges, changes(t.Context(), t, second, r.ID)); diff != "" {
		t.Errorf("changes (-before +after):\n%s", diff)
	}
	held, err := second.HeldJobs(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	if len(held) != 1 || held[0].Claim != c || !held[0].Running || !held[0].Cancel || held[0].Reason != "canceled by dana" {
		t.Errorf("held jobs are %+v", held)
	}
	agents, err := second.Agents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(agents) != 1 || agents[0].Online {
		t.Errorf("agents are %+v, want one that is offline", agents)
	}
	finish(t, second, c, plan.Canceled, "canceled by dana")
	if got := states(read(t, second, r.ID)); got != "done canceled | test: done canceled | deploy: done canceled" {
		t.Errorf("run is %s", got)
	}
}

// A server that goes on with another database, after a restore, has none of the troubles of the one before.
func TestOpenEndsTheTroublesOfTheDatabaseBefore(t *testing.T) {
	var troubles server.Troubles
	troubles.Set(server.Trouble{Kind: "database", Text: "its disk is full", Halts: true})
	troubles.Set(server.Trouble{Kind: "disk", Text: "there is little room"})
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tutti.db"), time.Now, store.WithTroubles(&troubles))
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, db)
	if all := troubles.All(); len(all) != 1 || all[0].Kind != "disk" {
		t.Errorf("troubles are %+v", all)
	}
}
