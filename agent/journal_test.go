package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

func claim(run int64) wire.Claim { return wire.Claim{Run: run, Job: "test", Epoch: 1} }

func offer(run int64) wire.Offer {
	return wire.Offer{Claim: claim(run), Project: "app", Commit: "c0ffee", Plan: []byte(`{"name":"test"}`), SHA256: "5ha"}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func started(run int64) record {
	return record{Start: &startOf{Claim: claim(run), Boot: "b1", At: time.Duration(run)}}
}

func goes(run int64, activity string, ticket executor.Ticket) record {
	return record{Going: &going{Claim: claim(run), Activity: activity, At: 7, Progress: executor.Progress{Ticket: ticket}}}
}

func reports(run, revision int64, result plan.Result) record {
	return record{Report: &wire.Report{Claim: claim(run), Revision: revision, Result: result, Activities: []wire.ActivityReport{{Name: "unit"}}}}
}

func holds(run int64) record {
	o := offer(run)
	return record{Hold: &o}
}

func forgets(run int64) record {
	c := claim(run)
	return record{Forget: &c}
}

func reopen(t *testing.T, path string) (*journal, []entry) {
	t.Helper()
	j, held, err := openJournal(t.Context(), path, slog.New(slog.DiscardHandler), patience{})
	must(t, err)
	return j, held
}

func write(t *testing.T, j *journal, recs ...record) {
	t.Helper()
	for _, rec := range recs {
		must(t, j.write(t.Context(), rec))
	}
}

// history is that of some jobs that are all at different points.
func history() []record {
	return []record{
		holds(1), holds(2), started(2), goes(2, "unit", "t2"), reports(2, 3, ""), holds(3), started(3),
		goes(3, "unit", "t3a"), reports(3, 1, ""), goes(3, "unit", "t3b"), reports(3, 9, plan.Passed), holds(4), started(4),
		reports(4, 2, ""), forgets(4), holds(5), started(5), goes(5, "unit", "t5"),
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, held := reopen(t, path)
	if len(held) != 0 {
		t.Fatalf("a new journal holds %v", held)
	}
	write(t, j, history()...)
	must(t, j.close())
	h := history()
	want := []entry{
		{Offer: offer(1)},
		{Offer: offer(2), Start: h[2].Start, Going: []going{*h[3].Going}, Report: *h[4].Report},
		{Offer: offer(3), Start: h[6].Start, Going: []going{*h[7].Going, *h[9].Going}, Report: *h[10].Report},
		{Offer: offer(5), Start: h[16].Start, Going: []going{*h[17].Going}},
	}
	for _, anew := range []bool{false, true, false} {
		j, held = reopen(t, path)
		if diff := cmp.Diff(want, held); diff != "" {
			t.Error(diff)
		}
		if anew {
			must(t, j.compact())
		}
		must(t, j.close())
	}
	if err := j.write(t.Context(), forgets(1)); err == nil {
		t.Error("a closed journal takes a record")
	}
}

// after answers what a journal with these records holds.
func after(recs []record) entries {
	es := make(entries)
	for _, rec := range recs {
		es.apply(rec)
	}
	return es
}

// written answers the bytes of a journal with the history, and where each record ends.
func written(t *testing.T) (data []byte, marks []int) {
	t.Helper()
	for _, rec := range append([]record{{Version: journalVersion}}, history()...) {
		encoded, err := encodeRecord(rec)
		must(t, err)
		data = append(data, encoded...)
		marks = append(marks, len(data))
	}
	return data, marks
}

// TestTornJournal cuts a journal at each byte, or lets the power go when the rest was not on the disk: what was written before that
// is there, nothing is said to be damaged, and it goes on from there.
func TestTornJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	whole, marks := written(t)
	for n := range len(whole) + 1 {
		complete := 0
		for i, end := range marks {
			if i > 0 && end <= n {
				complete++
			}
		}
		for kind, data := range map[string][]byte{"cut": whole[:n], "zeroed": zeroed(whole, marks, n)} {
			found, end := scanJournal(data)
			held, damaged := replay(found)
			if want := after(history()[:complete]); damaged || end > n || !cmp.Equal(want, held) {
				t.Fatalf("%s at %d: damaged %v, up to %d: %s", kind, n, damaged, end, cmp.Diff(want, held))
			}
			if n%97 > 0 { // the disk takes its time
				continue
			}
			must(t, os.WriteFile(path, data, 0o600))
			j, held2 := reopen(t, path)
			write(t, j, holds(9))
			must(t, j.close())
			j, _ = reopen(t, path)
			if len(j.held) != len(held2)+1 {
				t.Fatalf("%s at %d: after one more %d jobs are held, not one more than %d", kind, n, len(j.held), len(held2))
			}
			must(t, j.close())
		}
	}
}

// zeroed has zeros from n on, to the end of the record that n is in.
func zeroed(whole []byte, marks []int, n int) []byte {
	data := bytes.Clone(whole)
	i := slices.IndexFunc(marks, func(end int) bool { return end > n })
	if i < 0 {
		return data
	}
	clear(data[n:])
	return data[:marks[i]]
}

// TestDamagedJournal flips bits of each byte of a journal: that is said, and every job is there as it was, or as one whose records
// are damaged. None is gone, and none has forgotten that something of it ran.
func TestDamagedJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	whole, _ := written(t)
	want := after(history())
	mended, spoiled := 0, 0
	check := func(n int, held entries) {
		for c, e := range want {
			got := held[c]
			switch {
			case got == nil && c == claim(1): // of an accepted job there is but one record; the server offers it again
			case got == nil:
				t.Fatalf("byte %d: job %d is gone", n, c.Run)
			case got.Damaged:
				spoiled++
			case got.Report.Result != "" && cmp.Equal(e.Report, got.Report) && cmp.Equal(e.Offer, got.Offer):
				mended++ // all that anybody needs to know
			case !cmp.Equal(e, got):
				t.Fatalf("byte %d: job %d is another: %s", n, c.Run, cmp.Diff(e, got))
			default:
				mended++
			}
		}
		for c, e := range held {
			if want[c] == nil && !e.Damaged {
				t.Fatalf("byte %d: job %d is back", n, c.Run)
			}
		}
	}
	for n := range whole {
		for _, bits := range []byte{0x01, 0x80, 0xff} {
			data := bytes.Clone(whole)
			data[n] ^= bits
			found, _ := scanJournal(data)
			held, damaged := replay(found)
			if !damaged {
				t.Fatalf("byte %d of %d: nobody notices", n, len(whole))
			}
			check(n, held)
			if n%97 > 0 { // the disk takes its time
				continue
			}
			must(t, os.WriteFile(path, data, 0o600))
			for range 2 { // what is damaged stays so, until the job is concluded
				j, _ := reopen(t, path)
				check(n, j.held)
				must(t, j.close())
			}
		}
	}
	if spoiled == 0 || mended < 2*spoiled {
		t.Errorf("%d times a job is damaged, %d times as it was", spoiled, mended)
	}
}

// TestHolesInJournal has a piece overwritten that is longer than a record.
func TestHolesInJournal(t *testing.T) {
	whole, _ := written(t)
	want := after(history())
	for from := range whole {
		data := bytes.Clone(whole)
		copy(data[from:min(from+300, len(data)-1)], bytes.Repeat([]byte("garbage "), 100))
		found, _ := scanJournal(data)
		held, _ := replay(found)
		for c, e := range held {
			if w := want[c]; !e.Damaged && e.Report.Result == "" && !cmp.Equal(w, e) {
				t.Fatalf("hole at %d: job %d is %s", from, c.Run, cmp.Diff(w, e))
			}
		}
	}
}

// TestNewerJournal starts an agent of this release on the folder of a later one.
func TestNewerJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	newer, err := encodeRecord(record{Version: journalVersion + 1})
	must(t, err)
	whole, _ := written(t)
	must(t, os.WriteFile(path, append(newer, whole...), 0o600))
	_, _, err = openJournal(t.Context(), path, slog.New(slog.DiscardHandler), patience{})
	if err == nil || !strings.Contains(err.Error(), "newer release") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it answers %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, append(newer, whole...)) {
		t.Error("it changed the folder of the newer one")
	}
}

func TestJournalStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := reopen(t, path)
	big := offer(1)
	big.Plan = []byte(`"` + strings.Repeat("x", 100<<10) + `"`)
	write(t, j, holds(1))
	for run := range int64(30) {
		big.Run = run + 2
		write(t, j, record{Hold: &big}, forgets(big.Run))
	}
	must(t, j.close())
	info, err := os.Stat(path)
	must(t, err)
	if info.Size() > compactAt+200<<10 {
		t.Errorf("the journal has %d bytes", info.Size())
	}
	if _, held := reopen(t, path); len(held) != 1 {
		t.Errorf("%d jobs are held", len(held))
	}
}

// TestJournalWaitsForSpace has a disk that is full for a while, or for ever.
func TestJournalWaitsForSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := func(until time.Duration) func() error {
			begin := time.Now()
			return func() error {
				if time.Since(begin) < until {
					return &os.PathError{Op: "write", Path: "journal", Err: os.NewSyscallError("write", syscall.ENOSPC)}
				}
				return nil
			}
		}
		told := 0
		p := patience{limit: diskPatience, full: func(error) { told++ }}
		if err := p.try(t.Context(), full(5*time.Minute)); err != nil || told == 0 {
			t.Errorf("a disk that is full for 5 minutes answers %v; %d times somebody was told", err, told)
		}
		if err := p.try(t.Context(), full(time.Hour)); err == nil || !strings.Contains(err.Error(), "for 10m") {
			t.Errorf("a disk that stays full answers %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if begin := time.Now(); p.forEver().try(ctx, full(time.Hour)) == nil || time.Since(begin) > 2*time.Second {
			t.Error("nobody can end the wait")
		}
	})
}

// cramped is a file on a disk with so many bytes of space.
type cramped struct {
	journalFile
	left int
}

func (c *cramped) WriteAt(p []byte, off int64) (int, error) {
	n, err := c.journalFile.WriteAt(p[:min(c.left, len(p))], off)
	if err == nil && n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

// TestJournalOnAFullDisk has a record be written only in part, and then a shorter one of another job: none of it is damage.
func TestJournalOnAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := reopen(t, path)
	write(t, j, holds(1), holds(2))
	j.file = &cramped{j.file, 600}
	large := offer(3)
	large.Commit = strings.Repeat("c", 1000)
	if err := j.attempt(record{Hold: &large}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("it answers %v", err)
	}
	must(t, j.attempt(started(1)))
	must(t, j.close())
	j, held := reopen(t, path)
	if j.damaged || len(held) != 2 || held[0].Start == nil {
		t.Errorf("damaged: %v; held: %+v", j.damaged, held)
	}
}

func FuzzScanJournal(f *testing.F) {
	var data []byte
	for _, rec := range history() {
		encoded, err := encodeRecord(rec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
		data = append(data, encoded...)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		found, end := scanJournal(data)
		if end < 0 || end > len(data) {
			t.Fatalf("the last of %d bytes is at %d", len(data), end)
		}
		for i, f := range found {
			if f.at < 0 || f.at >= end || i > 0 && f.at <= found[i-1].at {
				t.Fatalf("record %d is at %d", i, f.at)
			}
		}
		held, damaged := replay(found)
		for _, e := range held {
			if e.Damaged && !damaged {
				t.Fatal("a job is damaged, but nothing else is")
			}
		}
	})
}
