package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

func claim(run int64) wire.Claim { return wire.Claim{Run: run, Job: "test", Epoch: 1} }

func offer(run int64) wire.Offer {
	return wire.Offer{Claim: claim(run), Project: "app", Commit: "c0ffee", Plan: []byte(`{"name":"test"}`)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func reopen(t *testing.T, path string) (*journal, []entry) {
	t.Helper()
	j, held, err := openJournal(path)
	must(t, err)
	return j, held
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, held := reopen(t, path)
	if len(held) != 0 {
		t.Fatalf("a new journal holds %v", held)
	}
	report := wire.Report{Claim: claim(2), Revision: 3, Phase: wire.PhaseFinished, Result: plan.Passed}
	must(t, j.hold(offer(1)))
	must(t, j.hold(offer(2)))
	must(t, j.start(claim(2)))
	must(t, j.report(report))
	must(t, j.hold(offer(3)))
	must(t, j.forget(claim(3)))
	must(t, j.close())
	want := []entry{{Offer: offer(1)}, {Offer: offer(2), Started: true, Report: report}}
	for range 2 { // the second time from what the first wrote anew
		j, held = reopen(t, path)
		if diff := cmp.Diff(want, held); diff != "" {
			t.Error(diff)
		}
		must(t, j.close())
	}
}

// TestTornJournal cuts a journal at each byte: what was written before the cut has to be there, and it goes on from there.
func TestTornJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := reopen(t, path)
	var ends []int64
	for run := range int64(4) {
		must(t, j.hold(offer(run+1)))
		ends = append(ends, j.size)
	}
	must(t, j.close())
	whole, err := os.ReadFile(path)
	must(t, err)
	for n := range len(whole) + 1 {
		for kind, data := range map[string][]byte{
			"cut":    whole[:n],
			"zeroed": append(append([]byte(nil), whole[:n]...), make([]byte, len(whole)-n)...),
		} {
			must(t, os.WriteFile(path, data, 0o600))
			j, held := reopen(t, path)
			want := 0
			for _, end := range ends {
				if end <= int64(n) {
					want++
				}
			}
			if len(held) != want {
				t.Fatalf("%s at %d: %d jobs are held, want %d", kind, n, len(held), want)
			}
			must(t, j.hold(offer(9)))
			must(t, j.close())
			if j, held = reopen(t, path); len(held) != want+1 {
				t.Fatalf("%s at %d: after one more %d jobs are held", kind, n, len(held))
			}
			must(t, j.close())
		}
	}
}

func TestJournalStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _ := reopen(t, path)
	big := offer(1)
	big.Plan = []byte(`"` + strings.Repeat("x", 100<<10) + `"`)
	must(t, j.hold(offer(1)))
	for run := range int64(30) {
		big.Run = run + 2
		must(t, j.hold(big))
		must(t, j.forget(big.Claim))
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

func FuzzDecodeRecord(f *testing.F) {
	data, err := encodeRecord(record{Forget: &wire.Claim{Run: 1, Job: "a", Epoch: 2}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var rec record
		if n := decodeRecord(data, &rec); n < 0 || n > len(data) {
			t.Errorf("a record of %d bytes in %d", n, len(data))
		}
	})
}
