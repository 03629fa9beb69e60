package terminal

import (
	"strconv"
	"strings"
)

// maxEscape bounds the length of a sequence that we look for the end of.
const maxEscape = 4 << 10

// escape consumes the sequence at the start of the rest. Those that do not choose a style show nothing.
func (p *painter) escape() {
	if len(p.rest) < 2 {
		p.rest = nil
		return
	}
	switch p.rest[1] {
	case '[':
		p.csi()
	case ']', 'P', '^', '_', 'X': // OSC and its like: titles, links, pictures
		p.rest = p.rest[endOfString(p.rest):]
	case '(', ')', '*', '+', '#', '%', ' ':
		p.rest = p.rest[min(3, len(p.rest)):]
	default:
		p.rest = p.rest[2:]
	}
}

// csi consumes "ESC [ parameters letter".
func (p *painter) csi() {
	for i := 2; i < len(p.rest) && i < maxEscape; i++ {
		b := p.rest[i]
		if b >= 0x20 && b < 0x40 {
			continue
		}
		if b == 'm' {
			p.style.apply(string(p.rest[2:i]))
		}
		if b >= 0x40 && b < 0x7f {
			i++ // the letter that ends the sequence
		}
		p.rest = p.rest[i:]
		return
	}
	p.rest = p.rest[min(maxEscape, len(p.rest)):]
}

// endOfString finds where a sequence ends that BEL or ESC \ ends.
func endOfString(rest []byte) int {
	for i := 2; i < len(rest) && i < maxEscape; i++ {
		switch {
		case rest[i] == 0x07:
			return i + 1
		case rest[i] == 0x1b && i+1 < len(rest) && rest[i+1] == '\\':
			return i + 2
		case rest[i] == 0x1b:
			return i
		}
	}
	return min(maxEscape, len(rest))
}

// A style is what SGR sequences have chosen. Colours are 1 more than their index in the palette; 0 is the default.
type style struct {
	fg, bg                                        int
	bold, dim, italic, underline, inverse, strike bool
}

// apply reads the parameters of one SGR sequence.
func (s *style) apply(params string) {
	codes := strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' })
	if len(codes) == 0 {
		*s = style{}
	}
	for i := 0; i < len(codes); i++ {
		code, err := strconv.Atoi(codes[i])
		if err != nil {
			continue
		}
		if code == 38 || code == 48 {
			colour, used := extended(codes[i+1:])
			i += used
			s.setColour(code, colour)
			continue
		}
		s.applyCode(code)
	}
}

func (s *style) setColour(code, colour int) {
	if code == 38 {
		s.fg = colour
	} else {
		s.bg = colour
	}
}

func (s *style) applyCode(code int) {
	switch {
	case code == 0:
		*s = style{}
	case code == 22:
		s.bold, s.dim = false, false
	case code >= 1 && code <= 9, code >= 21 && code <= 29:
		s.setFlag(code%20, code < 20)
	case code >= 30 && code <= 37:
		s.fg = code - 30 + 1
	case code == 39:
		s.fg = 0
	case code >= 40 && code <= 47:
		s.bg = code - 40 + 1
	case code == 49:
		s.bg = 0
	case code >= 90 && code <= 97:
		s.fg = code - 90 + 8 + 1
	case code >= 100 && code <= 107:
		s.bg = code - 100 + 8 + 1
	}
}

// setFlag turns on what code 1 to 9 means, or off what 20 more does.
func (s *style) setFlag(code int, on bool) {
	switch code {
	case 1:
		s.bold = on
	case 2:
		s.dim = on
	case 3:
		s.italic = on
	case 4:
		s.underline = on
	case 7:
		s.inverse = on
	case 9:
		s.strike = on
	}
}

// extended reads "5;n" or "2;r;g;b" after a 38 or 48, and says how many codes that were. True colours become the nearest of
// the palette: the policy of our pages allows classes, and no colours beside the style sheet.
func extended(codes []string) (colour, used int) {
	number := func(i int) int {
		if i >= len(codes) {
			return 0
		}
		n, err := strconv.Atoi(codes[i])
		if err != nil {
			return 0
		}
		return min(max(n, 0), 255)
	}
	switch number(0) {
	case 5:
		return number(1) + 1, 2
	case 2:
		return nearest(rgb{number(1), number(2), number(3)}) + 1, 4
	}
	return 0, 1
}

// class names the style. Without a background, colours are those that were made readable on the page ("f"); on one, they
// are as they were meant ("r").
func (s style) class() string {
	if s == (style{}) {
		return ""
	}
	var names []string
	add := func(on bool, name string) {
		if on {
			names = append(names, name)
		}
	}
	add(s.bold, "b")
	add(s.dim, "d")
	add(s.italic, "i")
	add(s.underline, "u")
	add(s.strike, "s")
	fg, bg := s.fg, s.bg
	if s.inverse {
		fg, bg = bg, fg
	}
	switch {
	case s.inverse && s.fg == 0 && s.bg == 0:
		names = append(names, "v")
	case bg != 0:
		names = append(names, "g"+strconv.Itoa(bg-1))
		add(fg != 0, "r"+strconv.Itoa(fg-1))
	case fg != 0:
		names = append(names, "f"+strconv.Itoa(fg-1))
	}
	return strings.Join(names, " ")
}
