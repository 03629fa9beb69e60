package logs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/logs"
)

var testID = server.LogID{Run: 7, Job: "test", Epoch: 2, Activity: "unit"}

func openStore(tb testing.TB, dir string) *logs.Store {
	tb.Helper()
	s, err := logs.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func appendAll(tb testing.TB, s *logs.Store, off int64, data string, marks []byte) int64 {
	tb.Helper()
	end, err := s.Append(testID, off, []byte(data), marks)
	if err != nil {
		tb.Fatalf("appending %d bytes at %d: %v", len(data), off, err)
	}
	return end
}

func content(tb testing.TB, s *logs.Store) string {
	tb.Helper()
	data, err := readAll(tb, s)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func hashOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func markOf(end int64, at time.Duration, stderr bool) []byte {
	when := at.Microseconds() << 1
	if stderr {
		when |= 1
	}
	rec := binary.LittleEndian.AppendUint64(nil, uint64(end))
	return binary.LittleEndian.AppendUint64(rec, uint64(when))
}

func TestAppend(t *testing.T) {
	s := openStore(t, t.TempDir())
	appendAll(t, s, 0, "one\n", nil)
	if got := content(t, s); got != "one\n" {
		t.Errorf("before any sync the log reads %q", got)
	}
	if n, err := s.Length(testID); n != 0 || err != nil {
		t.Errorf("before any sync %d bytes are said to be durable (%v)", n, err)
	}
	if n, err := s.Sync(testID); n != 4 || err != nil {
		t.Errorf("Sync = %d, %v; want 4", n, err)
	}

	var gap *server.LogGapError
	if _, err := s.Append(testID, 5, []byte("x"), nil); !errors.As(err, &gap) || gap.End != 4 {
		t.Errorf("a gap answers %v", err)
	}
	if end := appendAll(t, s, 0, "one\n", nil); end != 4 {
		t.Errorf("the same again ends at %d", end)
	}
	if end := appendAll(t, s, 2, "e\ntwo\n", nil); end != 8 {
		t.Errorf("an overlap that goes on ends at %d", end)
	}
	if _, err := s.Append(testID, 2, []byte("E\ntwo\nthree\n"), nil); !errors.Is(err, server.ErrLogDiverged) {
		t.Errorf("other bytes at the same place answer %v", err)
	}
	if got := content(t, s); got != "one\ntwo\n" {
		t.Errorf("the log reads %q", got)
	}
}

func TestFinish(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	appendAll(t, s, 0, "hello\nworld", nil)

	var missing *server.LogMissingError
	if err := s.Finish(testID, 12, hashOf("hello\nworld!")); !errors.As(err, &missing) || missing.Have != 11 {
		t.Errorf("a log that is one byte short finishes with %v", err)
	}
	var mismatch *server.LogMismatchError
	if err := s.Finish(testID, 11, hashOf("hello\nWorld")); !errors.As(err, &mismatch) {
		t.Errorf("a log with another hash finishes with %v", err)
	}
	for range 2 {
		if err := s.Finish(testID, 11, hashOf("hello\nworld")); err != nil {
			t.Errorf("finishing: %v", err)
		}
	}
	if err := s.Abandon(testID, "too late"); err != nil {
		t.Errorf("abandoning a finished log: %v", err)
	}
	if _, err := s.Append(testID, 11, []byte("!"), nil); !errors.Is(err, server.ErrLogFinished) {
		t.Errorf("adding to a finished log answers %v", err)
	}
	if end := appendAll(t, s, 6, "world", nil); end != 11 {
		t.Errorf("the same again on a finished log ends at %d", end)
	}
	want := server.LogInfo{Bytes: 11, Lines: 2, Finished: true}
	for name, s := range map[string]*logs.Store{"same": s, "reopened": openStore(t, dir)} {
		if got, err := s.Info(testID); err != nil || got != want {
			t.Errorf("%s: Info = %+v, %v; want %+v", name, got, err, want)
		}
		if n, err := s.Length(testID); n != 11 || err != nil {
			t.Errorf("%s: Length = %d, %v", name, n, err)
		}
	}
}

func TestEmptyLog(t *testing.T) {
	s := openStore(t, t.TempDir())
	if got, err := s.Info(testID); err != nil || got != (server.LogInfo{}) {
		t.Errorf("Info of a log that is not there = %+v, %v", got, err)
	}
	if got := content(t, s); got != "" {
		t.Errorf("a log that is not there reads %q", got)
	}
	if err := s.Finish(testID, 0, hashOf("")); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Info(testID); !got.Finished {
		t.Error("an empty log does not finish")
	}
	if lines, total, err := s.Lines(testID, 1, 10); len(lines) != 0 || total != 0 || err != nil {
		t.Errorf("Lines of an empty log = %v, %d, %v", lines, total, err)
	}
}

func TestAbandonJob(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	other := testID
	other.Epoch = 3
	appendAll(t, s, 0, "half a li", nil)
	if _, err := s.Append(other, 0, []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.AbandonJob(7, "test", 2, "the agent was lost"); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Info(testID); !got.Finished || got.Bytes != 9 {
		t.Errorf("the abandoned log is %+v", got)
	}
	if got, _ := s.Info(other); got.Finished {
		t.Error("a log of another epoch was abandoned as well")
	}
}

func TestNamesAreNotPaths(t *testing.T) {
	s := openStore(t, t.TempDir())
	for _, id := range []server.LogID{
		{Run: 1, Job: "..", Epoch: 1, Activity: "a"},
		{Run: 1, Job: "a", Epoch: 1, Activity: "../../x"},
		{Run: 1, Job: "a/b", Epoch: 1, Activity: "a"},
		{Run: 1, Job: "a", Epoch: 1, Activity: ""},
		{Run: 1, Job: "a\x00", Epoch: 1, Activity: "a"},
		{Run: 0, Job: "a", Epoch: 1, Activity: "a"},
		{Run: 1, Job: "a", Epoch: -1, Activity: "a"},
	} {
		_, err := s.Append(id, 0, []byte("x"), nil)
		if server.KindOf(err) != server.Invalid {
			t.Errorf("%+v: %v", id, err)
		}
		if _, err := s.Info(id); server.KindOf(err) != server.Invalid {
			t.Errorf("Info of %+v: %v", id, err)
		}
	}
}

// TestCrash cuts each file of a log at each byte, as a crash may, and looks for: a prefix that ends at a commit, that
// can be completed, and finishes with the right hash.
func TestCrash(t *testing.T) {
	text := "alpha\nbeta\ngamma\ndelta\n"
	commits := []int64{0, 3, 11, 12, int64(len(text))}
	made := t.TempDir()
	s := openStore(t, made)
	for i := 1; i < len(commits); i++ {
		marks := markOf(commits[i], time.Duration(i)*time.Second, i%2 == 0)
		appendAll(t, s, commits[i-1], text[commits[i-1]:commits[i]], marks)
		if _, err := s.Sync(testID); err != nil {
			t.Fatal(err)
		}
	}
	sub := "7/test/2-unit"
	for _, name := range []string{"log", "frames", "marks", "lines"} {
		whole, err := os.ReadFile(filepath.Join(made, sub, name))
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n <= len(whole); n++ {
			for kind, file := range map[string][]byte{
				"cut":    whole[:n],
				"zeroed": append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...),
				"longer": append(bytes.Clone(whole[:n]), "trash that nobody asked for"...),
			} {
				checkCrash(t, made, sub, name, fmt.Sprintf("%s %s at %d", name, kind, n), file, text, commits)
			}
		}
	}
}

func checkCrash(t *testing.T, made, sub, name, what string, file []byte, text string, commits []int64) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, sub, name), file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	n, err := s.Length(testID)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	atCommit := false
	for _, c := range commits {
		atCommit = atCommit || c == n
	}
	if got := content(t, s); !atCommit || got != text[:n] {
		t.Fatalf("%s: %d bytes are durable and the log reads %q", what, n, got)
	}
	if name == "marks" || name == "lines" {
		if n != int64(len(text)) {
			t.Fatalf("%s: the log lost bytes", what)
		}
	}
	appendAll(t, s, n, text[n:], nil)
	if err := s.Finish(testID, int64(len(text)), hashOf(text)); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if lines, _, err := s.Lines(testID, 3, 1); err != nil || len(lines) != 1 || string(lines[0].Text) != "gamma" {
		t.Fatalf("%s: line 3 is %v (%v)", what, lines, err)
	}
}

// TestManyLogs appends to more logs than may be open, from several goroutines.
func TestManyLogs(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	const count, pieces = 200, 20
	id := func(i int) server.LogID {
		return server.LogID{Run: 1, Job: "job", Epoch: 1, Activity: fmt.Sprintf("a%d", i)}
	}
	var done sync.WaitGroup
	for worker := range 4 {
		done.Go(func() {
			for piece := range pieces {
				for i := worker; i < count; i += 4 {
					text := fmt.Sprintf("piece %02d\n", piece)
					if _, err := s.Append(id(i), int64(piece*len(text)), []byte(text), nil); err != nil {
						t.Errorf("log %d: %v", i, err)
						return
					}
					if _, err := s.Sync(id(i)); piece%7 == 0 && err != nil {
						t.Errorf("log %d: %v", i, err)
					}
				}
			}
		})
	}
	done.Wait()
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil && len(fds) > 4*64+50 {
		t.Errorf("%d files are open", len(fds))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	for i := range count {
		if n, err := s.Length(id(i)); n != pieces*9 || err != nil {
			t.Fatalf("log %d has %d durable bytes (%v)", i, n, err)
		}
	}
}

func TestFollow(t *testing.T) {
	s := openStore(t, t.TempDir())
	rng := rand.New(rand.NewPCG(1, 2))
	var want bytes.Buffer
	for i := range 2000 {
		fmt.Fprintf(&want, "line %d %s\n", i, bytes.Repeat([]byte("x"), rng.IntN(60)))
	}
	text := want.String()
	var done sync.WaitGroup
	for _, from := range []int64{0, 1, 5000, int64(len(text))} {
		done.Go(func() {
			var got bytes.Buffer
			if err := s.Follow(t.Context(), testID, from, &got); err != nil {
				t.Errorf("following from %d: %v", from, err)
			}
			if got.String() != text[from:] {
				t.Errorf("following from %d gave %d bytes, not the right %d", from, got.Len(), len(text)-int(from))
			}
		})
	}
	for off := 0; off < len(text); {
		n := min(1+rng.IntN(400), len(text)-off)
		appendAll(t, s, int64(off), text[off:off+n], nil)
		off += n
	}
	if err := s.Finish(testID, int64(len(text)), hashOf(text)); err != nil {
		t.Fatal(err)
	}
	done.Wait()
}

func TestFollowEndsWithContext(t *testing.T) {
	s := openStore(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Follow(ctx, testID, 0, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow = %v", err)
	}
}

func TestLines(t *testing.T) {
	s := openStore(t, t.TempDir())
	long := string(bytes.Repeat([]byte("0123456789abcdef"), 5<<10)) // 80 KiB
	parts := []struct {
		text   string
		at     time.Duration
		stderr bool
	}{
		{"plain\n", 1 * time.Millisecond, false},
		{"oops\r\n", 2 * time.Millisecond, true},
		{" 10%\r 50%\r100%\r\n", 3 * time.Millisecond, false},
		{"\n", 4 * time.Millisecond, false},
		{"bad \xff\xfe utf8 é\n", 5 * time.Millisecond, true},
		{long + "\n", 6 * time.Millisecond, false},
		{"first", 7 * time.Millisecond, false},
		{"rest\n", 8 * time.Millisecond, true},
		{"no end", 9 * time.Millisecond, false},
	}
	var off int64
	for _, p := range parts {
		end := off + int64(len(p.text))
		off = appendAll(t, s, off, p.text, markOf(end, p.at, p.stderr))
	}
	got, total, err := s.Lines(testID, 0, 100)
	if err != nil || total != 8 {
		t.Fatalf("total %d, %v", total, err)
	}
	line := func(n int64, text string, ms int, stderr bool) server.LogLine {
		return server.LogLine{Number: n, Text: []byte(text), Bytes: int64(len(text)), Time: time.Duration(ms) * time.Millisecond, Stderr: stderr}
	}
	want := []server.LogLine{
		line(1, "plain", 1, false), line(2, "oops", 2, true), line(3, "100%", 3, false), line(4, "", 4, false),
		line(5, "bad \uFFFD utf8 é", 5, true), line(6, long[:logs.MaxLine], 6, false), line(7, "firstrest", 7, false),
		line(8, "no end", 9, false),
	}
	want[5].Bytes = int64(len(long))
	if diff := cmp.Diff(want, got, cmp.Transformer("text", func(b []byte) string { return string(b) })); diff != "" {
		t.Error(diff)
	}
	if got, _, err := s.Lines(testID, 7, 1); err != nil || len(got) != 1 || !cmp.Equal(got[0], want[6]) {
		t.Errorf("line 7 alone is %+v (%v)", got, err)
	}
	for n, want := range map[int64]string{1: "plain", 4: "", 6: long, 8: "no end", 9: ""} {
		start, end, err := s.Place(testID, n)
		if text := content(t, s); err != nil || text[start:end] != want {
			t.Errorf("line %d is at %d to %d (%v)", n, start, end, err)
		}
	}
	if got, total, _ := s.Lines(testID, 9, 1); len(got) != 0 || total != 8 {
		t.Errorf("behind the end there are %v", got)
	}
}

// TestLineIndex compares every window of a log of odd lines with a plain split, growing and after opening again.
func TestLineIndex(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	rng := rand.New(rand.NewPCG(3, 4))
	var text bytes.Buffer
	for i := range 6000 {
		fmt.Fprintf(&text, "%d", i)
		text.Write(bytes.Repeat([]byte("z"), rng.IntN(30)))
		text.WriteByte('\n')
		if rng.IntN(200) == 0 {
			text.Write(bytes.Repeat([]byte("\n"), rng.IntN(600)))
		}
	}
	for off := 0; off < text.Len(); {
		n := min(1+rng.IntN(9000), text.Len()-off)
		appendAll(t, s, int64(off), string(text.Bytes()[off:off+n]), nil)
		off += n
	}
	want := bytes.Split(bytes.TrimSuffix(text.Bytes(), []byte("\n")), []byte("\n"))
	check := func(s *logs.Store) {
		t.Helper()
		for range 300 {
			from := 1 + rng.Int64N(int64(len(want)))
			got, total, err := s.Lines(testID, from, 3)
			if err != nil || total != int64(len(want)) {
				t.Fatalf("lines from %d: %v; %d in all, want %d", from, err, total, len(want))
			}
			for i, l := range got {
				if string(l.Text) != string(want[int(from)-1+i]) {
					t.Fatalf("line %d is %q, want %q", l.Number, l.Text, want[int(from)-1+i])
				}
			}
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(openStore(t, dir))
}
