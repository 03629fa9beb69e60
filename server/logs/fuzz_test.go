package logs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tutti-ci/tutti/server"
)

// FuzzOpen opens a log whose files hold anything, as after a disk that lied, and wants a log that works all the same.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	s := openStore(f, dir)
	appendAll(f, s, 0, "one\ntwo\n", append(markOf(4, 1, false), markOf(8, 2, true)...))
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	var files [3][]byte
	for i, name := range []string{"log", "frames", "marks"} {
		data, err := os.ReadFile(filepath.Join(dir, "7/test/2-unit", name))
		if err != nil {
			f.Fatal(err)
		}
		files[i] = data
	}
	f.Add(files[0], files[1], files[2])
	f.Add(files[0], files[1][:15], files[2][:20])
	f.Add([]byte{}, files[1], files[2])
	f.Fuzz(func(t *testing.T, log, frames, marks []byte) {
		dir := t.TempDir()
		sub := filepath.Join(dir, "7/test/2-unit")
		if err := os.MkdirAll(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{"log": log, "frames": frames, "marks": marks} {
			if err := os.WriteFile(filepath.Join(sub, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := openStore(t, dir)
		n, err := s.Length(testID)
		if err != nil || n < 0 || n > int64(len(log)) {
			t.Fatalf("of %d bytes %d are durable (%v)", len(log), n, err)
		}
		appendAll(t, s, n, "more\n", markOf(n+5, 3, false))
		if _, _, err := s.Lines(testID, 1, 100); err != nil {
			t.Error(err)
		}
		text := string(log[:n]) + "more\n"
		if err := s.Finish(testID, int64(len(text)), hashOf(text)); err != nil {
			t.Error(err)
		}
		var missing *server.LogMissingError
		if err := s.Finish(testID, int64(len(text))+1, ""); err == nil || errors.As(err, &missing) {
			t.Errorf("a finished log finishes longer with %v", err)
		}
	})
}
