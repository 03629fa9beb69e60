package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Without its sums a database that is not there, or empty, would be a new one: then nobody must be told to remove them.
func TestOnlyAChangedDatabaseMayDoWithoutItsSums(t *testing.T) {
	k := serveFolder(t, t.TempDir())
	k.bare(t, "app")
	k.stop()
	path := filepath.Join(k.data, "tutti.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(whole)
	changed[10_000] ^= 1
	for name, c := range map[string]struct {
		content []byte // nil for no file
		hint    bool
	}{"Changed": {changed, true}, "Missing": {nil, false}, "Empty": {[]byte{}, false}, "NoHeader": {make([]byte, len(whole)), false}} {
		t.Run(name, func(t *testing.T) {
			err := os.WriteFile(path, c.content, 0o600)
			if c.content == nil {
				err = os.Remove(path)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = openServer(t.Context(), serverConfig{Listen: "127.0.0.1:0", Data: k.data, InProcess: true}, slog.New(slog.DiscardHandler))
			var exit *exitError
			if !errors.As(err, &exit) || exit.Code != exitFailed || !strings.Contains(err.Error(), "tutti server restore FILE") {
				t.Fatalf("the error is %v", err)
			}
			if strings.Contains(err.Error(), "tutti.db.sums") != c.hint {
				t.Errorf("it says to remove the sums, or does not: %v", err)
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A backup that is whole, and yet cannot be used, is the user's to replace, and nothing of it is left.
func TestABackupWhoseDatabaseCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(db *sql.DB, path string) error
		want string
	}{
		"Damaged": {func(_ *sql.DB, path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("x"), 10_000), 0o600)
		}, "the backup is damaged: "},
		"Newer": {func(db *sql.DB, _ string) error {
			_, err := db.ExecContext(t.Context(), `INSERT INTO migrations (version, name, at) VALUES (999, 'future', 0)`)
			return err
		}, "the backup cannot be restored here: it was written by a newer tutti"},
	} {
		t.Run(name, func(t *testing.T) {
			k := serveFolder(t, t.TempDir())
			file := filepath.Join(t.TempDir(), "bad.tutti")
			src := k.process.source()
			src.Snapshot = func(ctx context.Context, path string) error {
				if err := k.process.Store.Snapshot(ctx, path); err != nil {
					return err
				}
				db, err := sql.Open("sqlite", path)
				if err != nil {
					return err
				}
				return errors.Join(c.harm(db, path), db.Close())
			}
			if _, err := writeBackup(t.Context(), file, src); err != nil {
				t.Fatal(err)
			}
			for range 2 { // into the running server, and the stopped one
				out, code := admin(t, "server", "restore", file, "--data", k.data)
				if code != exitFailed || !strings.Contains(out, c.want) || strings.Contains(out, k.data) {
					t.Errorf("exit code %d:\n%s", code, out)
				}
				k.stop()
			}
			if left, err := filepath.Glob(filepath.Join(k.data, ".restore-*")); err != nil || len(left) > 0 {
				t.Errorf("it leaves %v, error %v", left, err)
			}
		})
	}
}

// Whoever restores beside a server does not know its --fence: agents that are cut off may go on for as long as that.
func TestARestoreBesideAServerWithALongFence(t *testing.T) {
	k := serveFolder(t, t.TempDir())
	k.bare(t, "app")
	file := filepath.Join(t.TempDir(), "backup.tutti")
	mustAdmin(t, "server", "backup", file, "--data", k.data)
	k.stop()
	mustAdmin(t, "server", "restore", file, "--data", k.data)
	s, err := openServer(t.Context(), serverConfig{Listen: "127.0.0.1:0", Data: k.data, InProcess: true, Fence: time.Hour}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	queued, err := s.Store.QueuedJobs(t.Context())
	if err != nil || len(queued) != 1 {
		t.Fatalf("queued are %+v, error %v", queued, err)
	}
	if left := queued[0].NotBefore.Sub(s.clock.Now()); left < time.Hour-time.Minute {
		t.Errorf("the job is given out again in %v", left)
	}
}
