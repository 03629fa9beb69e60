package shim_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor/shim"
	"github.com/tutti-ci/tutti/executor/shim/mask"
)

var leftOut = regexp.MustCompile(`\n?\[tutti: (\d+) bytes left out here: the log is limited to [^\]]+ \(--log-limit\)\]\n`)

// cut answers what a log has to hold: the text, or its beginning and its end with the line between, which must be true.
func cut(t *testing.T, text, log []byte, limit, omitted int64) string {
	t.Helper()
	if limit == 0 || int64(len(text)) <= limit && omitted == 0 {
		return string(text)
	}
	at := leftOut.FindSubmatchIndex(log)
	if at == nil {
		t.Fatalf("%d bytes with a limit of %d, and nothing says that some are missing: %.300q", len(text), limit, log)
	}
	n, err := strconv.ParseInt(string(log[at[2]:at[3]]), 10, 64)
	if err != nil || n != omitted || n == 0 {
		t.Errorf("%d bytes are said to be missing in the log, %d otherwise", n, omitted)
	}
	head, end := log[:at[0]], log[at[1]:]
	if len(head) > 0 && head[len(head)-1] != '\n' && log[at[0]] != '\n' {
		t.Errorf("the line that says it begins within another")
	}
	if log[at[0]] == '\n' && int64(len(head)+len(end))+n < int64(len(text)) {
		head = log[:at[0]+1] // the line break was the text's own
	}
	if int64(len(head)+len(end)) > limit {
		t.Errorf("%d bytes are kept with a limit of %d", len(head)+len(end), limit)
	}
	if int64(len(head)+len(end))+n != int64(len(text)) || !bytes.HasPrefix(text, head) || !bytes.HasSuffix(text, end) {
		t.Errorf("kept are %d bytes of the beginning and %d of the end, %d are said to be missing; there were %d", len(head), len(end), n, len(text))
	}
	return string(log)
}

func TestLimit(t *testing.T) {
	for name, c := range map[string]struct {
		limit  int64
		lines  int
		stderr func(i int) bool
		whole  bool
	}{
		"Within":    {2 << 20, 20_000, func(int) bool { return false }, true},
		"JustFits":  {2_000_000, 20_000, func(int) bool { return false }, true},
		"OneMore":   {2_000_000 - 1, 20_000, func(int) bool { return false }, false},
		"Large":     {4 << 20, 50_000, func(int) bool { return false }, false},
		"Alternate": {4 << 20, 50_000, func(i int) bool { return i%2 == 0 }, false},
		"Small":     {1000, 1000, func(i int) bool { return i%3 == 0 }, false},
		"One":       {1, 20, func(int) bool { return false }, false},
	} {
		t.Run(name, func(t *testing.T) {
			log, marks := &disk{room: 1 << 30}, &disk{room: 1 << 30}
			s := shim.NewSpool(log, marks, time.Now())
			s.Limit(c.limit)
			var all bytes.Buffer
			for i := range c.lines {
				line := fmt.Appendf(nil, "line %7d %s\n", i, strings.Repeat("x", 86)) // 100 bytes
				all.Write(line)
				if err := s.Write(c.stderr(i), line); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Finish(); err != nil {
				t.Fatal(err)
			}
			if (s.Omitted() == 0) != c.whole {
				t.Errorf("%d bytes are left out", s.Omitted())
			}
			checkSpool(t, s, log.Bytes(), marks.Bytes(), cut(t, all.Bytes(), log.Bytes(), c.limit, s.Omitted()))
			if end := all.Bytes()[all.Len()-100:]; c.limit > 1000 && !bytes.HasSuffix(log.Bytes(), end) {
				t.Error("the last line is missing")
			}
			if want := min(c.limit/4, 1<<20) - 100; c.limit > 1000 && !c.whole && tailLength(log.Bytes()) < int(want) {
				t.Errorf("only %d bytes of the end are kept", tailLength(log.Bytes()))
			}
			checkStreams(t, log.Bytes(), marks.Bytes(), c.stderr)
		})
	}
}

// tailLength answers the bytes behind the line that says what is missing.
func tailLength(log []byte) int {
	at := bytes.Index(log, []byte("[tutti: "))
	return len(log) - at - bytes.IndexByte(log[at:], '\n') - 1
}

// checkStreams looks whether each whole line has the stream that it came on.
func checkStreams(t *testing.T, log, marks []byte, stderr func(i int) bool) {
	t.Helper()
	from := int64(0)
	for ; len(marks) > 0; marks = marks[shim.MarkSize:] {
		m, err := shim.DecodeMark(marks)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(log[from:m.End])) {
			if len(line) != 100 || !strings.HasPrefix(line, "line ") {
				continue // a part of one, or the line between
			}
			i, err := strconv.Atoi(strings.TrimSpace(line[5:12]))
			if err != nil || stderr(i) != m.Stderr {
				t.Fatalf("line %d is on the wrong stream, %v", i, err)
			}
		}
		from = m.End
	}
}

// A flood on both streams, one byte at a time, must not take more memory than the bytes themselves are worth.
func TestLimitOfTinyPieces(t *testing.T) {
	log, marks := &disk{room: 1 << 30}, &disk{room: 1 << 30}
	s := shim.NewSpool(log, marks, time.Now())
	const limit = 400_000
	s.Limit(limit)
	text := bytes.Repeat([]byte("0123456789abcde\n"), 50_000)
	for i := range text {
		if err := s.Write(i%2 == 0, text[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	checkSpool(t, s, log.Bytes(), marks.Bytes(), cut(t, text, log.Bytes(), limit, s.Omitted()))
	if n := tailLength(log.Bytes()); n < 30_000 {
		t.Errorf("only %d bytes of the end are kept", n)
	}
}

// Each try keeps its end, and secrets are masked before anything is left out.
func TestLimitOfTries(t *testing.T) {
	const limit = 10_000
	dir := t.TempDir()
	log, marks := file(t, dir, "log", ""), file(t, dir, "marks", "")
	masks := mask.New([]string{"s3cr3t-value"})
	omitted := int64(0)
	for try := range 3 {
		s, err := shim.ContinueSpool(log, marks, time.Now().Add(-time.Duration(try)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		s.Limit(limit)
		before := int64(len(read(t, log)))
		in := s.Inlet(false, masks)
		for i := range 1000 {
			for _, piece := range []string{fmt.Sprint("try ", try, " line ", i, " s3cr3t"), "-value\n"} {
				if err := in.Write([]byte(piece)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := in.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := s.Finish(); err != nil {
			t.Fatal(err)
		}
		omitted += s.Omitted()
		text := string(read(t, log))
		if want := fmt.Sprint("try ", try, " line 999 ***\n"); !strings.HasSuffix(text, want) {
			t.Errorf("try %d ends with %q", try, text[len(text)-40:])
		}
		if added := int64(len(text)) - before; added > limit+200 || try > 0 && added > limit/4+200 {
			t.Errorf("try %d adds %d bytes", try, added)
		}
		checkSpool(t, s, read(t, log), read(t, marks), text)
	}
	text := string(read(t, log))
	said := int64(0)
	for _, found := range leftOut.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		said += n
	}
	if said != omitted || omitted == 0 || strings.Contains(text, "s3cr3t") || strings.Count(text, "[tutti:") != 3 {
		t.Errorf("%d bytes are left out, and %d by the log's word", omitted, said)
	}
}
