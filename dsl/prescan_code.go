package dsl

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
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
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c < utf8.RuneSelf && !isIdent(c) && !isDigit(c) && c != '-' {
			break
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRune(s.data[s.pos:]); !unicode.IsLetter(r) && (s.pos == start || !unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd)) {
				s.stray()
				return
			}
		}
		s.pos += size
	}
	s.statementWord(start)
	s.endOperand()
}

// endOperand notes that a token was, or ended, what an operator or an index can follow.
func (s *scanner) endOperand() {
	f := s.top()
	f.operand, f.dot = true, false
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
			s.statementValue(start, s.pos)
			s.endOperand()
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
	operand, dot := f.operand, f.dot
	switch c {
	case '{':
		s.openBrace()
		return
	case '}':
		s.closeBrace()
		return
	case '(', '[':
		s.openBracket(c, operand)
		return
	case ')', ']':
		s.closeBracket(c)
		return
	case '=':
		s.equals(next)
		return
	case '*':
		if dot { // a splat is an operand, and nests as an operator does
			s.operator()
			s.endOperand()
			s.pos++
			return
		}
		if next == '*' {
			s.fail(codeSyntax, s.pos, s.pos+2, "Unknown operator", "%s", operators)
			return
		}
	case '&', '|':
		if next != c {
			s.stray()
			return
		}
	case '~':
		if f.kind != inTemplate { // it trims what is around a ${ }
			s.stray()
			return
		}
	case '!', '+', '-', '/', '%', '<', '>', '?', '.', ',', ':':
	default:
		s.stray()
		return
	}
	if s.statementSymbol(c); s.failed {
		return
	}
	if c != '.' && c != ',' && c != ':' && c != '~' {
		s.operator()
	}
	if (next == '=' && (c == '!' || c == '<' || c == '>')) || next == c && (c == '&' || c == '|') {
		s.pos++
	}
	f.operand, f.dot = false, c == '.'
	s.pos++
}

// equals tells "==" and "=>" from the "=" of an argument, and notices a script.
func (s *scanner) equals(next byte) {
	f := s.top()
	f.operand, f.dot = false, false
	switch next {
	case '=':
		s.operator()
		s.pos += 2
		return
	case '>':
		f.equals = true // of an item of an object
		s.pos += 2
		return
	}
	if f.kind == inObject {
		f.equals = true
	}
	if f.kind != inBody || f.equals {
		s.pos++
		return
	}
	if s.checkEquals(); s.failed {
		return
	}
	s.pos++
	f.equals = true
	if f.word == "script" && f.block == "activity" {
		s.rawScript()
	}
}

func (s *scanner) openQuote() {
	if s.statementQuote(); s.failed {
		return
	}
	s.mark("quote", s.pos)
	s.push(frame{kind: inQuote, start: s.pos})
	s.pos++
}

// openHeredoc scans <<NAME or <<-NAME up to the end of the line.
func (s *scanner) openHeredoc() {
	marker, after := heredocMarker(s.data[s.pos:])
	if marker == nil {
		s.badHeredoc(s.pos)
		return
	}
	if s.statementValue(s.pos, s.pos+2); s.failed {
		return
	}
	s.mark("heredoc", s.pos)
	s.endOperand()
	s.push(frame{kind: inHeredoc, start: s.pos, marker: marker})
	s.pos += after
}

func (s *scanner) badHeredoc(start int) {
	s.fail(codeHeredoc, start, start+bytes.IndexByte(s.data[start:], '\n'), "Bad start of a heredoc",
		"After << (or <<-) comes a plain name such as SH, and then the line ends, without quotes or blanks.")
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

// isIdent takes every byte beyond ASCII for a letter; word looks at the whole character.
func isIdent(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}
