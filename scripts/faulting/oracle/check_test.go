package oracle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// logOf is what a process writes: its lines one by one, and the whole.
func logOf(start string, lines int) [][]byte {
	all := [][]byte{AppendBegin(nil, start, "tag")}
	for n := range lines {
		all = append(all, AppendLine(nil, start, int64(n+1), 1000, []byte(strings.Repeat("x", n%7))))
	}
	whole := bytes.Join(all, nil)
	sum := sha256.Sum256(whole)
	return append(all, AppendEnd(nil, start, int64(lines), int64(len(whole)), sum[:]))
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(lines [][]byte) [][]byte
		want   string // of "lost doubled reordered altered"
	}{
		{"Nothing", func(l [][]byte) [][]byte { return l }, "0 0 0 0"},
		{"OneLost", func(l [][]byte) [][]byte { return slices.Delete(l, 5, 6) }, "1 0 0 1"}, // and the sum does not fit
		{"ManyLost", func(l [][]byte) [][]byte { return slices.Delete(l, 5, 15) }, "10 0 0 1"},
		{"LastLost", func(l [][]byte) [][]byte { return slices.Delete(l, 20, 21) }, "1 0 0 1"},
		{"FirstLost", func(l [][]byte) [][]byte { return slices.Delete(l, 1, 2) }, "1 0 0 1"},
		{"BeginLost", func(l [][]byte) [][]byte { return l[1:] }, "0 0 0 21"},
		{"Doubled", func(l [][]byte) [][]byte { return slices.Insert(l, 6, l[5]) }, "0 1 0 1"},
		{"DoubledLater", func(l [][]byte) [][]byte { return slices.Insert(l, 12, l[5], l[6]) }, "0 2 0 1"},
		{"Swapped", func(l [][]byte) [][]byte { l[5], l[6] = l[6], l[5]; return l }, "0 0 1 1"},
		{"Altered", func(l [][]byte) [][]byte {
			l[9] = bytes.Replace(l[9], []byte("x"), []byte("y"), 1)
			return l
		}, "1 0 0 2"},
		{"Torn", func(l [][]byte) [][]byte { l[5] = l[5][:8]; return l }, "2 0 0 2"},
		{"ForeignLine", func(l [][]byte) [][]byte { return slices.Insert(l, 5, []byte("hello\n")) }, "0 0 0 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := bytes.Join(c.change(logOf("s1", 20)), nil)
			for _, piece := range []int{1, 7, 64, 1 << 20} {
				var check Check
				for p := range slices.Chunk(text, piece) {
					_, _ = check.Write(p)
				}
				if got := fmt.Sprint(check.Lost, check.Doubled, check.Reordered, check.Altered); got != c.want {
					t.Errorf("in pieces of %d it finds %s, want %s", piece, got, c.want)
				}
				if (check.Whole() == nil) != (c.name == "Nothing") {
					t.Errorf("in pieces of %d it says %v", piece, check.Whole())
				}
			}
		})
	}
}

func TestCheckFindsEveryChangeOfAnyByte(t *testing.T) {
	text := bytes.Join(logOf("s1", 20), nil)
	random := rand.New(rand.NewPCG(1, 2))
	for at := range text {
		changed := bytes.Clone(text)
		changed[at] ^= byte(1 + random.IntN(255))
		var check Check
		_, _ = check.Write(changed)
		if check.Whole() == nil {
			t.Errorf("byte %d was changed, and the check is content", at)
		}
	}
}

func TestCheckKnowsSecondProcessesAndUnfinishedOnes(t *testing.T) {
	first, second := logOf("s1", 20), logOf("s2", 20)
	var check Check
	_, _ = check.Write(bytes.Join(first[:10], nil))
	if check.Err() != nil || check.Whole() == nil {
		t.Errorf("half a log: %v, as a whole one: %v", check.Err(), check.Whole())
	}
	_, _ = check.Write(bytes.Join(second, nil))
	if check.Err() != nil || check.Whole() == nil || len(check.Starts) != 2 || !check.Ended {
		t.Errorf("two processes: %v, as a whole one: %v, %v", check.Err(), check.Whole(), check.Starts)
	}
}

func TestCheckTakesTimes(t *testing.T) {
	check := Check{Live: true, Now: func() time.Time { return time.UnixMilli(3500) }}
	_, _ = check.Write(bytes.Join(logOf("s1", 3), nil))
	if check.Slowest != 2500*time.Millisecond {
		t.Errorf("the slowest line took %s", check.Slowest)
	}
}

func TestOverlap(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	p := func(pid, from, to int) Process {
		return Process{Tag: "t", PID: pid, Began: at(from), Seen: at(to)}
	}
	if err := Apart([]Process{p(1, 0, 5), p(2, 6, 9)}); err != nil {
		t.Error(err)
	}
	if err := Apart([]Process{p(2, 4, 9), p(1, 0, 5)}); err == nil {
		t.Error("two processes at once are no overlap")
	}
}
