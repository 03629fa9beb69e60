package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/backup"
)

// tree reads a folder: contents by name.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, relErr := filepath.Rel(dir, path)
		all[name] = string(data)
		return errors.Join(err, relErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// source is a data folder with logs.
func source(t testing.TB, whole bool) backup.Source {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"admin.token": "secret", "agent.token": "other", "lock": "7"})
	src := backup.Source{
		Dir: dir, Version: "test", Now: func() time.Time { return now },
		Snapshot: func(_ context.Context, path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("database"), 1000), 0o600)
		},
	}
	if whole {
		src.Logs = func(_ context.Context, add func(string, int64, io.Reader) error) error {
			return errors.Join(add("1/test/1-unit/log", 5, strings.NewReader("12345 and what came later")), add("1/test/1-unit/marks", 0, strings.NewReader("")))
		}
	}
	return src
}

func packed(t testing.TB, whole bool) []byte {
	t.Helper()
	src := source(t, whole)
	var out bytes.Buffer
	if _, err := backup.Write(t.Context(), &out, src); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(src.Dir, ".backup*")); err != nil || len(left) > 0 {
		t.Errorf("a backup leaves %v, error %v", left, err)
	}
	return out.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"Whole": {
			"tutti.db": strings.Repeat("database", 1000), "admin.token": "secret", "agent.token": "other",
			"logs/1/test/1-unit/log": "12345", "logs/1/test/1-unit/marks": "",
		},
		"DatabaseAlone": {"tutti.db": strings.Repeat("database", 1000)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			m, err := backup.Unpack(t.Context(), bytes.NewReader(packed(t, name == "Whole")), dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
				t.Errorf("unpacked (-want +got):\n%s", diff)
			}
			if !m.At.Equal(now) || m.Whole != (name == "Whole") || m.Version != "test" || len(m.Files) != len(want) {
				t.Errorf("the manifest is %+v", m)
			}
		})
	}
}

// However short a backup is, and wherever a byte of it is another one: it is refused, or nothing that counts is changed.
func TestDamagedBackupsAreRefused(t *testing.T) {
	whole := packed(t, true)
	want := filepath.Join(t.TempDir(), "want")
	if _, err := backup.Unpack(t.Context(), bytes.NewReader(whole), want); err != nil {
		t.Fatal(err)
	}
	for size := 0; size < len(whole); size += 97 {
		_, err := backup.Verify(t.Context(), bytes.NewReader(whole[:size]))
		if err == nil && len(bytes.TrimRight(whole[size:], "\x00")) > 0 {
			t.Fatalf("a backup of %d of %d bytes is taken", size, len(whole))
		}
		if err != nil && server.KindOf(err) != server.Invalid {
			t.Fatalf("a backup of %d bytes answers %v", size, err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 300 {
		bad := bytes.Clone(whole)
		bad[random.IntN(len(bad))] ^= 1 << random.IntN(8)
		dir := filepath.Join(t.TempDir(), "new")
		_, err := backup.Unpack(t.Context(), bytes.NewReader(bad), dir)
		if err != nil {
			refused++
			continue
		}
		if diff := cmp.Diff(tree(t, want), tree(t, dir)); diff != "" { // it was in the time of a file, say
			t.Fatalf("a damaged backup is taken (-want +got):\n%s", diff)
		}
	}
	if refused < 200 {
		t.Errorf("only %d of 300 damaged backups were refused", refused)
	}
}

// An archive comes from anywhere. It must not write to anywhere.
func TestNamesThatLeadOut(t *testing.T) {
	for _, name := range []string{"../x", "/etc/x", "logs/../../x", "logs/../tutti.db", "lock", "mirrors/x", "logs"} {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for _, each := range []string{"tutti-backup", name} {
			if err := w.WriteHeader(&tar.Header{Name: each, Size: 2, Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("1\n")); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "new")
		if _, err := backup.Unpack(t.Context(), &out, dir); server.KindOf(err) != server.Invalid || !strings.Contains(err.Error(), "which no backup does") {
			t.Errorf("%s: %v", name, err)
		}
		if len(tree(t, dir)) > 0 {
			t.Errorf("%s was written", name)
		}
	}
}

func TestSwap(t *testing.T) {
	old := map[string]string{"tutti.db": "old", "tutti.db-wal": "w", "logs/1/log": "old log", "admin.token": "a", "lock": "7", "mirrors/m": "m"}
	fresh := map[string]string{"tutti.db": "new", "logs/2/log": "new log", "admin.token": "b", "tutti.db.sums": "s"}
	after := map[string]string{
		"tutti.db": "new", "logs/2/log": "new log", "admin.token": "b", "tutti.db.sums": "s", "lock": "7", "mirrors/m": "m",
		"before/tutti.db": "old", "before/tutti.db-wal": "w", "before/logs/1/log": "old log", "before/admin.token": "a",
	}
	make := func(t *testing.T) (string, backup.Swap) {
		dir := t.TempDir()
		write(t, dir, old)
		write(t, filepath.Join(dir, ".restore-x"), fresh)
		return dir, backup.Swap{New: ".restore-x", Old: "before", Items: backup.Manifest{Whole: true}.Items()}
	}
	t.Run("Do", func(t *testing.T) {
		dir, s := make(t)
		if err := s.Do(dir); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(after, tree(t, dir)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := s.Undo(dir); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(old, tree(t, dir)); diff != "" {
			t.Errorf("undone (-want +got):\n%s", diff)
		}
	})
	t.Run("UndoBeforeAnythingWent", func(t *testing.T) { // on a full disk, say
		dir, s := make(t)
		write(t, dir, map[string]string{"restoring.json": `{"new":".restore-x","old":"before","items":["tutti.db"],"out":false}`})
		if err := errors.Join(s.Undo(dir), backup.Finish(dir)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(old, tree(t, dir)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("TakesTheLayoutAlong", func(t *testing.T) {
		dir, s := make(t)
		write(t, dir, map[string]string{"layout": "2", ".restore-x/layout": "1"})
		if err := s.Do(dir); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, dir); got["layout"] != "1" || got["before/layout"] != "2" {
			t.Errorf("it holds %v", got)
		}
	})
	// The process dies anywhere: the next one finishes it, or undoes it.
	items := backup.Manifest{Whole: true}.Items()
	for step := range 2*len(items) + 1 {
		cut := func(t *testing.T) (string, backup.Swap) {
			dir, s := make(t)
			s.Out = step > len(items)
			if err := os.Mkdir(filepath.Join(dir, "before"), 0o700); err != nil {
				t.Fatal(err)
			}
			for i := range step {
				from, to := dir, filepath.Join(dir, "before")
				if i >= len(items) {
					from, to = filepath.Join(dir, s.New), dir
				}
				item := items[i%len(items)]
				if err := os.Rename(filepath.Join(from, item), filepath.Join(to, item)); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			text := `{"new":".restore-x","old":"before","items":["` + strings.Join(items, `","`) + `"],"out":false}`
			if s.Out {
				text = strings.Replace(text, "false", "true", 1)
			}
			write(t, dir, map[string]string{"restoring.json": text})
			return dir, s
		}
		t.Run("Finish", func(t *testing.T) {
			dir, _ := cut(t)
			if err := backup.Finish(dir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(after, tree(t, dir)); diff != "" {
				t.Errorf("after step %d (-want +got):\n%s", step, diff)
			}
		})
		t.Run("Undo", func(t *testing.T) {
			dir, s := cut(t)
			if err := errors.Join(s.Undo(dir), backup.Tidy(dir)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(old, tree(t, dir)); diff != "" {
				t.Errorf("after step %d (-want +got):\n%s", step, diff)
			}
		})
	}
}

func TestTidy(t *testing.T) {
	dir := t.TempDir()
	kept := map[string]string{"tutti.db": "d", "backups/database-1.tutti": "c", "before-restore-1/tutti.db": "b"}
	write(t, dir, kept)
	write(t, dir, map[string]string{".backup-7.db": "x", ".backup-7.db-journal": "x", ".restore-q/tutti.db": "x", "backups/.database-2.tutti.123": "x"})
	if err := backup.Tidy(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept, tree(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzVerify wants anything to be taken apart without harm, and nothing to be taken that does not hold a database.
func FuzzVerify(f *testing.F) {
	f.Add(packed(f, true))
	f.Add(packed(f, false))
	f.Add([]byte("hello"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := backup.Verify(t.Context(), bytes.NewReader(data))
		if err == nil && !slices.ContainsFunc(m.Files, func(f backup.File) bool { return f.Name == backup.Database }) {
			t.Error("it holds no database")
		}
	})
}
