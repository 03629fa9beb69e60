package dsl

import (
	"bytes"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"github.com/hashicorp/hcl/v2"
	"golang.org/x/text/width"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A source is one file as it was written, with the index that turns byte offsets into lines.
type source struct {
	name  string
	data  []byte
	lines []int // offset of the first byte of each line
}

func newSource(f File) *source {
	s := &source{name: f.Name, data: f.Data, lines: make([]int, 1, bytes.Count(f.Data, []byte("\n"))+1)}
	if bytes.HasPrefix(f.Data, byteOrderMark) {
		s.lines[0] = len(byteOrderMark) // nobody sees it
	}
	for at := 0; ; {
		n := bytes.IndexByte(f.Data[at:], '\n')
		if n < 0 {
			return s
		}
		at += n + 1
		s.lines = append(s.lines, at)
	}
}

// A place is a stretch of a source. The zero place is "nowhere".
type place struct {
	src        *source
	start, end int // byte offsets; end is exclusive
}

func (s *source) at(r hcl.Range) place { return place{s, r.Start.Byte, r.End.Byte} }

// line answers the number of the line of an offset, from 0.
func (s *source) line(offset int) int {
	return max(sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > offset })-1, 0)
}

// text answers a line without its line break.
func (s *source) text(line int) []byte {
	end := len(s.data)
	if line+1 < len(s.lines) {
		end = s.lines[line+1]
	}
	return bytes.TrimRight(s.data[min(s.lines[line], end):end], "\r\n")
}

func (s *source) position(offset int) plan.Position {
	offset = min(max(offset, 0), len(s.data))
	line := s.line(offset)
	columns, _ := textseg.TokenCount(s.data[min(s.lines[line], offset):offset], textseg.ScanGraphemeClusters)
	return plan.Position{Line: line + 1, Column: columns + 1}
}

// String is "ci.hcl:12", as one message names the place of another thing.
func (p place) String() string {
	if p.src == nil {
		return "somewhere else"
	}
	return p.src.name + ":" + itoa(p.src.line(p.start)+1)
}

// before orders places as a reader meets them.
func (p place) before(q place) bool {
	if p.src != q.src {
		return q.src != nil && (p.src == nil || p.src.name < q.src.name)
	}
	return p.start < q.start
}

const (
	snippetWidth = 120 // longer lines are cut around the mistake
	snippetLead  = 40  // what is kept before a mistake that stands far to the right
	tabWidth     = 4
)

// snippet answers the first line of a place as it can be printed, and its underline.
func (p place) snippet() (text, carets string) {
	line := p.src.line(min(p.start, len(p.src.data)))
	raw := p.src.text(line)
	from := min(max(p.start-p.src.lines[line], 0), len(raw))
	to := min(max(p.end-p.src.lines[line], from), len(raw))
	before, marked, after := printable(raw[:from]), printable(raw[from:to]), printable(raw[to:])
	if columns(before)+columns(marked)+columns(after) > snippetWidth {
		before = cutLeft(before, snippetLead)
		marked = cutRight(marked, snippetWidth-columns(before))
		after = cutRight(after, max(snippetWidth-columns(before)-columns(marked), 0))
	}
	text = strings.TrimRight(before+marked+after, " ")
	return text, strings.Repeat(" ", columns(before)) + strings.Repeat("^", max(columns(marked), 1))
}

// printable replaces what would move the cursor, or do worse to a terminal.
func printable(line []byte) string {
	var b strings.Builder
	for _, r := range string(line) {
		switch {
		case r == '\t':
			b.WriteString(strings.Repeat(" ", tabWidth))
		case unsafeRune(r):
			b.WriteRune('\uFFFD')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// clean makes a message safe to print: what it quotes may come from a hostile file.
func clean(message string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unsafeRune(r) {
			return '\uFFFD'
		}
		return r
	}, message)
}

// unsafeRune says whether a character is invisible, reorders text, or commands a terminal.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || isBidi(r) || isHidden(r) || r == utf8.RuneError
}

// columns is the width of text on a terminal. Wide characters take two columns, combining ones none.
func columns(text string) int {
	n := 0
	for rest := []byte(text); len(rest) > 0; {
		size, cluster, err := textseg.ScanGraphemeClusters(rest, true)
		if err != nil || size == 0 {
			break
		}
		n += clusterWidth(cluster)
		rest = rest[size:]
	}
	return n
}

func clusterWidth(cluster []byte) int {
	r, _ := utf8.DecodeRune(cluster)
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func cutLeft(text string, keep int) string {
	runes := []rune(text)
	if len(runes) <= keep {
		return text
	}
	return "…" + string(runes[len(runes)-keep+1:])
}

func cutRight(text string, keep int) string {
	if columns(text) <= keep {
		return text
	}
	if keep < 1 {
		return ""
	}
	n := 0
	for i, r := range text {
		if n += clusterWidth([]byte(string(r))); n >= keep {
			return text[:i] + "…"
		}
	}
	return text
}
