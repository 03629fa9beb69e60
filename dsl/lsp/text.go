package lsp

import (
	"fmt"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/dsl"
)

// A text is the content of a file, with the places of its lines. The protocol counts lines from 0, and in them units of
// UTF-16; everything else here counts bytes.
type text struct {
	data  []byte
	lines []int // offset of the first byte of each
}

func newText(data []byte) text {
	t := text{data: data, lines: []int{0}}
	for i := 0; i < len(data); i++ {
		if data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n' {
			continue
		}
		if data[i] == '\n' || data[i] == '\r' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// offset answers the byte that a position means. One behind the end of its line is the line's end, as the protocol wants it.
func (t text) offset(p position) (int, error) {
	if p.Line < 0 || p.Character < 0 {
		return 0, &rpcError{codeInvalidParams, fmt.Sprintf("there is no position %d:%d", p.Line, p.Character)}
	}
	if p.Line >= len(t.lines) {
		return len(t.data), nil
	}
	at := t.lines[p.Line]
	for left := p.Character; left > 0 && at < len(t.data) && t.data[at] != '\n' && t.data[at] != '\r'; {
		r, size := utf8.DecodeRune(t.data[at:])
		left -= units(r)
		if left < 0 {
			break // in the middle of a pair
		}
		at += size
	}
	return at, nil
}

// units is how many units of UTF-16 a character takes.
func units(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

func (t text) position(offset int) position {
	offset = min(max(offset, 0), len(t.data))
	low, high := 0, len(t.lines)
	for high-low > 1 {
		if mid := (low + high) / 2; t.lines[mid] <= offset {
			low = mid
		} else {
			high = mid
		}
	}
	p := position{Line: low}
	for at := t.lines[low]; at < offset; {
		r, size := utf8.DecodeRune(t.data[at:])
		p.Character += units(r)
		at += size
	}
	return p
}

func (t text) textRange(s dsl.Stretch) textRange {
	return textRange{t.position(s.Start), t.position(s.End)}
}

// apply makes the text that a change makes of this one.
func (t text) apply(c change) (text, error) {
	if c.Range == nil {
		return newText([]byte(c.Text)), nil
	}
	start, err := t.offset(c.Range.Start)
	if err != nil {
		return t, err
	}
	end, err := t.offset(c.Range.End)
	if err != nil {
		return t, err
	}
	if end < start {
		return t, &rpcError{codeInvalidParams, "a range ends before it starts"}
	}
	made := make([]byte, 0, len(t.data)-(end-start)+len(c.Text))
	made = append(append(append(made, t.data[:start]...), c.Text...), t.data[end:]...)
	return newText(made), nil
}
