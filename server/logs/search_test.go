package logs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
)

// TestSearchIsGrep compares the numbers of the lines with those of grep, on a log with long lines and of several blocks.
func TestSearchIsGrep(t *testing.T) {
	if _, err := exec.LookPath("grep"); err != nil {
		t.Skip("there is no grep to compare with")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	words := []string{"alpha", "Beta", "GAMMA", "delta-42", "error:", "Error:", "ok", "a.b"}
	var text bytes.Buffer
	for i := range 60000 {
		for range rng.IntN(9) {
			text.WriteString(words[rng.IntN(len(words))])
			text.WriteByte(' ')
		}
		if i%20000 == 7 {
			text.Write(bytes.Repeat([]byte("filling "), 200_000)) // 1.6 MB
			text.WriteString("needle " + words[rng.IntN(len(words))])
		}
		text.WriteByte('\n')
	}
	text.WriteString("no line break after this needle")
	s := openStore(t, t.TempDir())
	appendAll(t, s, 0, text.String(), nil)

	for _, q := range []server.LogQuery{
		{Text: "alpha", Case: true},
		{Text: "needle", Case: true},
		{Text: "error:", Case: true},
		{Text: "error:"},
		{Text: "GAMMA BETA"},
		{Text: "a.b", Case: true},
		{Text: "nothing like it"},
		{Text: "^alpha.*(ok|42) $", Regexp: true, Case: true},
		{Text: "^beta", Regexp: true},
	} {
		q.Limit = 1 << 30
		got, err := s.Search(t.Context(), testID, q)
		if err != nil {
			t.Fatal(err)
		}
		want := grep(t, q, text.Bytes())
		if got.Total != int64(len(want)) || !cmp.Equal(got.Lines, want) {
			t.Errorf("%+v: %d lines, grep has %d", q, got.Total, len(want))
		}
	}
}

func grep(t *testing.T, q server.LogQuery, text []byte) []int64 {
	t.Helper()
	args := []string{"-na"}
	if !q.Case {
		args = append(args, "-i")
	}
	if q.Regexp {
		args = append(args, "-E")
	} else {
		args = append(args, "-F")
	}
	cmd := exec.CommandContext(t.Context(), "grep", append(args, "-e", q.Text)...)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 1 {
		t.Fatal(err)
	}
	var lines []int64
	for line := range strings.Lines(string(out)) {
		number, _, _ := strings.Cut(line, ":")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, n)
	}
	return lines
}

func TestSearch(t *testing.T) {
	s := openStore(t, t.TempDir())
	appendAll(t, s, 0, "one\n\x1b[1;31mt\x1b[0mwo\none two\nÄRGER \xff\nthree", nil)
	for _, c := range []struct {
		name  string
		query server.LogQuery
		want  server.LogMatches
	}{
		{"ThroughColours", server.LogQuery{Text: "two", Limit: 9}, server.LogMatches{Lines: []int64{2, 3}, Total: 2}},
		{"Limit", server.LogQuery{Text: "o", Limit: 1}, server.LogMatches{Lines: []int64{1}, Total: 3}},
		{"From", server.LogQuery{Text: "o", Limit: 9, From: 2}, server.LogMatches{Lines: []int64{2, 3}, Total: 3}},
		{"Empty", server.LogQuery{Limit: 9}, server.LogMatches{}},
		{"OtherThanASCII", server.LogQuery{Text: "ärger", Limit: 9}, server.LogMatches{Lines: []int64{4}, Total: 1}},
		{"LastLine", server.LogQuery{Text: "THREE", Limit: 9}, server.LogMatches{Lines: []int64{5}, Total: 1}},
		{"Once", server.LogQuery{Text: "e", Limit: 9, Case: true}, server.LogMatches{Lines: []int64{1, 3, 5}, Total: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := s.Search(t.Context(), testID, c.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("ErrRegexp", func(t *testing.T) {
		_, err := s.Search(t.Context(), testID, server.LogQuery{Text: "a(", Regexp: true})
		if server.KindOf(err) != server.Invalid {
			t.Errorf("a bad regular expression answers %v", err)
		}
	})
}

// million is one million lines of 84 bytes.
func million(tb testing.TB) []byte {
	var text bytes.Buffer
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "%07d the quick brown fox jumps over the lazy dog, again and again and again %03d.\n", i, i%1000)
	}
	if got := text.Len(); got != 84_000_000 {
		tb.Fatalf("the text has %d bytes", got)
	}
	return text.Bytes()
}

func BenchmarkAppendMillion(b *testing.B) {
	text := million(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s := openStore(b, b.TempDir())
		for off := 0; off < len(text); off += 256 << 10 {
			n := min(256<<10, len(text)-off)
			if _, err := s.Append(testID, int64(off), text[off:off+n], nil); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := s.Sync(testID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMillion(b *testing.B) {
	text := million(b)
	s := openStore(b, b.TempDir())
	appendAll(b, s, 0, string(text), nil)
	if err := s.Finish(testID, int64(len(text)), hashOf(string(text))); err != nil {
		b.Fatal(err)
	}
	for name, from := range map[string]int64{"Lines/Middle": 500_000, "Lines/End": 999_489} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if lines, _, err := s.Lines(testID, from, 512); err != nil || len(lines) != 512 {
					b.Fatal(len(lines), err)
				}
			}
		})
	}
	for name, q := range map[string]server.LogQuery{
		"Search/Rare":   {Text: "0777777 the", Case: true, Limit: 100},
		"Search/Fold":   {Text: "0777777 THE", Limit: 100},
		"Search/All":    {Text: "lazy", Case: true, Limit: 100},
		"Search/Regexp": {Text: "077777[0-7] the", Regexp: true, Limit: 100},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := s.Search(b.Context(), testID, q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
