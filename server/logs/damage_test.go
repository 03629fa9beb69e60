package logs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/logs"
)

// copyLog copies the files of a log into a new store's folder.
func copyLog(t *testing.T, from string) (dir, sub string) {
	t.Helper()
	dir = t.TempDir()
	sub = filepath.Join(dir, "7/test/2-unit")
	if err := os.MkdirAll(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, f.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, sub
}

// eachDamage hands over copies of a log, so many for each of these files, with one bit of the file flipped or its end cut off.
func eachDamage(t *testing.T, from string, files []string, copies int, check func(dir, what string)) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range files {
		for range copies {
			dir, sub := copyLog(t, from)
			path := filepath.Join(sub, name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			at := random.IntN(len(data))
			what := fmt.Sprintf("%s flipped at %d", name, at)
			if random.IntN(3) == 0 {
				what = fmt.Sprintf("%s cut at %d", name, at)
				data = data[:at]
			} else {
				data[at] ^= 1 << random.IntN(8)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			check(dir, what)
		}
	}
}

// made writes a log of many frames, finished or not, and answers its folder, its text, and where its frames end.
func made(t *testing.T, finished bool) (sub, text string, ends []int64) {
	t.Helper()
	dir := t.TempDir()
	s := openStore(t, dir)
	for i := range 40 {
		line := fmt.Sprintf("%03d %s\n", i, strings.Repeat("word ", 30+i))
		for range 40 {
			text += line
		}
		end := appendAll(t, s, int64(len(text)-40*len(line)), text[len(text)-40*len(line):], markOf(int64(len(text)), time.Duration(i)*time.Millisecond, false))
		if end, err := s.Sync(testID); err != nil || end != int64(len(text)) {
			t.Fatal(end, err)
		}
		ends = append(ends, end)
	}
	if finished {
		if err := s.Finish(testID, int64(len(text)), hashOf(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "7/test/2-unit"), text, ends
}

// readAll reads a log as a download does, again if it ends in damage.
func readAll(tb testing.TB, s *logs.Store) (string, error) {
	tb.Helper()
	r, err := s.Reader(testID)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

// checkFinished makes sure that of a damaged log nothing is served that was not written, and that people are told.
func checkFinished(t *testing.T, dir, text, what string) {
	t.Helper()
	s := openStore(t, dir)
	got, err := readAll(t, s)
	var damaged *server.LogDamagedError
	if err != nil && !errors.As(err, &damaged) {
		t.Fatalf("%s: %v", what, err)
	}
	if !strings.HasPrefix(text, got) {
		t.Fatalf("%s: bytes were served that were never written", what)
	}
	info, err := s.Info(testID)
	if err != nil {
		t.Fatal(err)
	}
	again, err := readAll(t, s) // now it is known where it ends
	if err != nil || int64(len(again)) != info.Bytes || !strings.HasPrefix(text, again) || len(again) < len(got) {
		t.Fatalf("%s: the second reading answers %d of %d bytes, error %v", what, len(again), info.Bytes, err)
	}
	if whole := again == text; !info.Finished || !whole && info.Incomplete == "" {
		t.Errorf("%s: %d of %d bytes are there, finished %v, and what is said is %q", what, info.Bytes, len(text), info.Finished, info.Incomplete)
	}
	lines, total, err := s.Lines(testID, 1, 10_000)
	if err != nil || total != info.Lines || int64(strings.Count(again, "\n")) > total {
		t.Fatalf("%s: %d lines, error %v", what, total, err)
	}
	want := strings.Split(text, "\n")
	for i, l := range lines {
		if string(l.Text) != want[i] && i < len(lines)-1 {
			t.Fatalf("%s: line %d is %q, want %q", what, i+1, l.Text, want[i])
		}
	}
	if last, _, err := s.Lines(testID, total, 1); err != nil || len(last) == 1 && total == 1600 && string(last[0].Text) != want[total-1] {
		t.Fatalf("%s: the last line is %+v, error %v", what, last, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestDamagedFinishedLog(t *testing.T) {
	from, text, ends := made(t, true)
	checkFinished(t, filepath.Dir(filepath.Dir(filepath.Dir(from))), text, "nothing")
	eachDamage(t, from, []string{"log", "frames", "lines", "marks", "final"}, 60, func(dir, what string) {
		checkFinished(t, dir, text, what)
	})
	t.Run("AllBeforeTheDamageIsServed", func(t *testing.T) {
		dir, sub := copyLog(t, from)
		data := []byte(text)
		data[ends[20]+5]++
		if err := os.WriteFile(filepath.Join(sub, "log"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, dir)
		if lines, _, err := s.Lines(testID, 1, 100); err != nil || len(lines) != 100 { // far from the damage
			t.Errorf("%d lines, error %v", len(lines), err)
		}
		got, err := readAll(t, s)
		var damaged *server.LogDamagedError
		if !errors.As(err, &damaged) || damaged.At != ends[20] || got != text[:ends[20]] {
			t.Errorf("%d bytes are served, error %v", len(got), err)
		}
		if info, err := s.Info(testID); err != nil || info.Bytes != ends[20] || info.Incomplete != damaged.Error() || info.Lines != 21*40 {
			t.Errorf("info is %+v, error %v", info, err)
		}
		if found, err := s.Search(t.Context(), testID, server.LogQuery{Text: "020 word", Limit: 1}); err != nil || found.Total != 40 {
			t.Errorf("found %+v, error %v", found, err)
		}
	})
}

// A log that grows loses what lies behind the damage, and the agent, which still has it, sends it again.
func TestDamagedGrowingLog(t *testing.T) {
	from, text, _ := made(t, false)
	eachDamage(t, from, []string{"log", "frames", "lines", "marks"}, 40, func(dir, what string) {
		s := openStore(t, dir)
		length, err := s.Length(testID)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got, err := readAll(t, s); err != nil || got != text[:length] {
			t.Fatalf("%s: other bytes are served than were written; error %v", what, err)
		}
		appendAll(t, s, length, text[length:], nil)
		if err := s.Finish(testID, int64(len(text)), hashOf(text)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		checkFinished(t, dir, text, what)
	})
	t.Run("AnAgentThatIsGone", func(t *testing.T) {
		dir, sub := copyLog(t, from)
		data := []byte(text)
		data[len(data)/2]++
		if err := os.WriteFile(filepath.Join(sub, "log"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, dir)
		if err := s.Abandon(testID, "the agent is gone"); err != nil {
			t.Fatal(err)
		}
		info, err := s.Info(testID)
		if err != nil || !strings.Contains(info.Incomplete, "were damaged on the server's disk") {
			t.Errorf("what is said is %q, error %v", info.Incomplete, err)
		}
	})
}

func TestSnapshot(t *testing.T) {
	for name, finished := range map[string]bool{"Finished": true, "Growing": false} {
		t.Run(name, func(t *testing.T) {
			from, text, _ := made(t, finished)
			s := openStore(t, filepath.Dir(filepath.Dir(filepath.Dir(from))))
			if !finished {
				appendAll(t, s, int64(len(text)), "not durable yet\n", nil)
			}
			dir := t.TempDir()
			err := s.Snapshot(t.Context(), func(name string, size int64, body io.Reader) error {
				var data bytes.Buffer
				if _, err := io.CopyN(&data, body, size); err != nil {
					return err
				}
				path := filepath.Join(dir, name)
				return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data.Bytes(), 0o600))
			})
			if err != nil {
				t.Fatal(err)
			}
			again := openStore(t, dir)
			if got, err := readAll(t, again); err != nil || got != text {
				t.Errorf("the copy has %d bytes, want %d; error %v", len(got), len(text), err)
			}
			if info, err := again.Info(testID); err != nil || info.Finished != finished || info.Lines != 1600 || info.Incomplete != "" {
				t.Errorf("info is %+v, error %v", info, err)
			}
			if err := errors.Join(s.Close(), again.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzFinal wants the last word of a log to be what was written, or to be known not to be.
func FuzzFinal(f *testing.F) {
	from := f.TempDir()
	s := openStore(f, from)
	appendAll(f, s, 0, "one\ntwo\n", nil)
	if err := errors.Join(s.Finish(testID, 8, hashOf("one\ntwo\n")), s.Close()); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(from, "7/test/2-unit/final"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(bytes.Replace(data, []byte("8"), []byte("9"), 1))
	f.Fuzz(func(t *testing.T, final []byte) {
		dir := t.TempDir()
		sub := filepath.Join(dir, "7/test/2-unit")
		if err := os.MkdirAll(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"log", "frames", "marks", "lines"} {
			data, err := os.ReadFile(filepath.Join(from, "7/test/2-unit", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(sub, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(sub, "final"), final, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, dir)
		got, err := readAll(t, s)
		var damaged *server.LogDamagedError
		if err != nil && !errors.As(err, &damaged) || !strings.HasPrefix("one\ntwo\n", got) {
			t.Errorf("%q is served, error %v", got, err)
		}
	})
}
