// Package terminal says what a terminal would show of a line of a log: its text without escape sequences, and which
// parts of it have which style.
//
// It is used by the pages and by the API, so that both show the same. It owns the meaning of SGR sequences, of carriage
// returns, of control characters and of bytes that are no UTF-8, and the style sheet for the classes that it hands out. A
// style ends with its line. The package does no I/O and keeps nothing.
package terminal

import (
	"strings"
	"unicode/utf8"
)

// A Span is a stretch of a line in one style.
type Span struct {
	Length int    // in UTF-16 code units, as JavaScript counts
	Class  string // space-separated names of CSS classes; empty for plain text
}

// Line answers what is to be seen of a raw line. Spans is nil where all of the text is plain; else they cover all of it.
func Line(raw []byte) (text string, spans []Span) {
	raw = lastOverwrite(raw)
	if isPlain(raw) {
		return string(raw), nil
	}
	p := painter{rest: raw}
	p.run()
	return p.out.String(), p.result()
}

// isPlain recognises at little cost what most lines are: printable ASCII.
func isPlain(raw []byte) bool {
	for _, b := range raw {
		if (b < ' ' && b != '\t') || b >= 0x7f {
			return false
		}
	}
	return true
}

// lastOverwrite answers what is left of a line whose beginning was overwritten after carriage returns, as progress bars
// do it.
func lastOverwrite(raw []byte) []byte {
	for len(raw) > 0 && raw[len(raw)-1] == '\r' {
		raw = raw[:len(raw)-1]
	}
	for i := len(raw) - 1; i >= 0; i-- {
		if raw[i] == '\r' {
			return raw[i+1:]
		}
	}
	return raw
}

// A painter turns a raw line into text and spans.
type painter struct {
	rest   []byte
	out    strings.Builder
	spans  []Span
	style  style
	styled bool // some span has a class
}

func (p *painter) run() {
	for len(p.rest) > 0 {
		b := p.rest[0]
		switch {
		case b == 0x1b:
			p.escape()
		case b < ' ' && b != '\t':
			p.put('\u2400'+rune(b), 1) // the picture of the control character
		case b == 0x7f:
			p.put('\u2421', 1)
		default:
			p.character()
		}
	}
}

func (p *painter) character() {
	r, size := utf8.DecodeRune(p.rest)
	if r >= 0x80 && r < 0xa0 {
		r = utf8.RuneError // C1 control characters
	}
	p.put(r, size)
}

// put shows r for size bytes of the rest.
func (p *painter) put(r rune, size int) {
	p.rest = p.rest[size:]
	p.out.WriteRune(r)
	units := 1
	if r > 0xffff {
		units = 2
	}
	class := p.style.class()
	if n := len(p.spans); n > 0 && p.spans[n-1].Class == class {
		p.spans[n-1].Length += units
		return
	}
	p.spans = append(p.spans, Span{units, class})
	p.styled = p.styled || class != ""
}

func (p *painter) result() []Span {
	if !p.styled {
		return nil
	}
	return p.spans
}
