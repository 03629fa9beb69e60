package dsl

import (
	"bytes"
	"strings"
)

// code scans one token outside of strings.
func (s *scanner) code() {
	c, next := s.data[s.pos], byte(0)
	if s.pos+1 < len(s.data) {
		next = s.data[s.pos+1]
	}
	switch {
	case c == '\n':
		s.newline()
	case c == ' ' || c == '\t' || c == '\r':
		s.pos++
	case c == '#' || c == '/' && next == '/':
		s.mark("comment", s.pos)
		s.pos += bytes.IndexByte(s.data[s.pos:], '\n')
	case c == '/' && next == '*':
		s.blockComment()
	case c == '"':
		s.openQuote()
	case c == '<' && next == '<':
		s.openHeredoc()
	case isDigit(c):
		s.number()
	case isIdent(c):
		s.word()
	default:
		s.symbol(c, next)
	}
}

// newline ends a statement of a body; inside brackets it means nothing here.
func (s *scanner) newline() {
	if f := s.top(); f.kind == inBody {
		f.word, f.equals, f.operators, f.operand = "", false, 0, false
	}
	s.pos++
}

func (s *scanner) blockComment() {
	s.mark("comment", s.pos)
	n := bytes.Index(s.data[s.pos+2:], []byte("*/"))
	if n < 0 {
		s.fail(codeComment, s.pos, s.pos+2, "Unclosed comment", "The comment that starts here has no */.")
		return
	}
	s.pos += 2 + n + 2
}

func (s *scanner) word() {
	start := s.pos
	for s.pos < len(s.data) && (isIdent(s.data[s.pos]) || isDigit(s.data[s.pos]) || s.data[s.pos] == '-') {
		s.pos++
	}
	f := s.top()
	if f.kind == inBody && f.word == "" {
		f.word = string(s.data[start:s.pos])
	}
	f.operand = true
}

// number refuses numbers that take big.Float minutes: hcl computes 1e10000000 to the last digit.
func (s *scanner) number() {
	start, digits, exponent := s.pos, 0, 0
	inExponent := false
	for ; s.pos < len(s.data); s.pos++ {
		c := s.data[s.pos]
		switch {
		case isDigit(c) && inExponent:
			exponent = min(exponent*10+int(c-'0'), maxExponent+1)
		case isDigit(c):
			digits++
		case c == '.' && s.pos+1 < len(s.data) && isDigit(s.data[s.pos+1]):
		case (c == 'e' || c == 'E') && s.exponentFollows():
			inExponent = true
			if !isDigit(s.data[s.pos+1]) {
				s.pos++
			}
		default:
			s.checkNumber(start, digits, exponent)
			s.top().operand = true
			return
		}
	}
}

func (s *scanner) exponentFollows() bool {
	rest := s.data[s.pos+1:]
	if len(rest) > 1 && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	return len(rest) > 0 && isDigit(rest[0])
}

func (s *scanner) checkNumber(start, digits, exponent int) {
	if digits > maxDigits || exponent > maxExponent {
		s.fail(codeNumber, start, s.pos, "Number too long",
			"Numbers have at most %d digits and an exponent of at most %d.", maxDigits, maxExponent)
	}
}

// symbol scans brackets and operators.
func (s *scanner) symbol(c, next byte) {
	f := s.top()
	operand := f.operand
	f.operand = false
	switch c {
	case '{':
		s.openBrace()
		return
	case '}':
		s.closeBrace()
		return
	case '(', '[':
		if c == '[' && operand {
			s.operator() // an index nests as an operator does
		}
		s.push(frame{kind: inParens, opener: c, start: s.pos})
	case ')', ']':
		if f.kind == inParens && (f.opener == '(') == (c == ')') {
			s.pop()
			s.top().operand = true
		}
	case '=':
		s.equals(next)
		return
	case '!', '+', '-', '*', '/', '%', '<', '>', '&', '|', '?':
		s.operator()
		if next == '=' || next == c && (c == '&' || c == '|') {
			s.pos++
		}
	case '.':
		f.operand = operand
	}
	s.pos++
}

// equals tells "==" and "=>" from the "=" of an attribute, and notices a script.
func (s *scanner) equals(next byte) {
	switch next {
	case '=':
		s.operator()
		s.pos += 2
		return
	case '>':
		s.pos += 2
		return
	}
	s.pos++
	f := s.top()
	if f.kind != inBody || f.equals {
		return
	}
	f.equals = true
	if f.word == "script" && f.block == "activity" {
		s.rawScript()
	}
}

func (s *scanner) openBrace() {
	f := s.top()
	s.mark("{", s.pos)
	if f.kind == inBody && !f.equals {
		s.push(frame{kind: inBody, start: s.pos, block: f.word})
	} else {
		s.push(frame{kind: inObject, start: s.pos})
	}
	s.pos++
}

// closeBrace closes the innermost brace, and drops brackets that are open inside it: hcl reports those.
func (s *scanner) closeBrace() {
	s.mark("}", s.pos)
	s.pos++
	for len(s.frames) > 1 {
		if f := s.pop(); f.kind != inParens {
			s.top().operand = true
			return
		}
	}
}

func (s *scanner) openQuote() {
	s.mark("quote", s.pos)
	s.top().operand = true
	s.push(frame{kind: inQuote, start: s.pos})
	s.pos++
}

// openHeredoc scans <<NAME or <<-NAME up to the end of the line.
func (s *scanner) openHeredoc() {
	marker, after := heredocMarker(s.data[s.pos:])
	if marker == nil {
		line := s.pos + bytes.IndexByte(s.data[s.pos:], '\n')
		s.fail(codeHeredoc, s.pos, line, "Bad start of a heredoc",
			"After << (or <<-) comes a plain name such as SH, and then the line ends, without quotes or blanks.")
		return
	}
	s.mark("heredoc", s.pos)
	s.top().operand = true
	s.push(frame{kind: inHeredoc, start: s.pos, marker: marker})
	s.pos += after
}

// heredocMarker reads the first line of a heredoc: its name, and the offset of the text.
func heredocMarker(data []byte) (marker []byte, after int) {
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		return nil, 0
	}
	line := strings.TrimSuffix(string(data[2:end]), "\r")
	name := strings.TrimPrefix(line, "-")
	for i := range len(name) {
		if c := name[i]; !isIdent(c) && (i == 0 || !isDigit(c) && c != '-') {
			return nil, 0
		}
	}
	if name == "" {
		return nil, 0
	}
	return []byte(name), end + 1
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isIdent takes every byte beyond ASCII for a letter: where hcl disagrees, it reports the character.
func isIdent(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}
