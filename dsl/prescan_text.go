package dsl

import "bytes"

// quoted scans on inside "…", to its end or to an interpolation.
func (s *scanner) quoted() {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '\n' || c == '\r':
			s.quoteAtEnd()
			return
		case c == '\\':
			s.pos++
			if next := s.data[s.pos]; next != '\n' && next != '\r' {
				s.pos++
			}
		case c == '"':
			s.closeQuote()
			return
		case s.interpolation() || s.failed:
			return
		}
	}
}

func (s *scanner) closeQuote() {
	f := s.pop()
	s.mark("unquote", s.pos)
	s.pos++
	if s.join(f); s.failed {
		return
	}
	if c := s.data[s.pos]; s.suspectQuote < 0 && (isIdent(c) || isDigit(c) || c == '"') {
		s.suspectQuote = f.start // nothing of this can follow a text: what ended it may have been meant to start another one
	}
	s.endOperand()
}

// quoteAtEnd reports the quote that has no partner on its line, which need not be the last one.
func (s *scanner) quoteAtEnd() {
	f, n := s.top(), len(s.frames)
	switch {
	case s.suspectQuote >= 0:
		s.unclosedQuote(s.suspectQuote, s.pos)
	case s.frames[n-2].kind == inTemplate && s.frames[n-3].kind == inQuote && bytes.IndexByte(s.data[f.start:s.pos], '}') < 0:
		s.unclosedTemplate(&s.frames[n-2]) // the quote was to close the text around it
	default:
		s.unclosedQuote(f.start, s.pos)
	}
}

func (s *scanner) unclosedQuote(start, end int) {
	s.fail(codeQuote, start, end, "Unclosed quote",
		"This text is not closed before the end of its line. Add the closing \", or use a heredoc for text of several lines.")
}

// heredoc scans on inside a heredoc, to its end or to an interpolation. The end marker must stand alone on its line.
func (s *scanner) heredoc() {
	f := s.top()
	for s.pos < len(s.data) {
		if !f.midline {
			end := s.pos + bytes.IndexByte(s.data[s.pos:], '\n')
			if bytes.Equal(bytes.TrimSpace(s.data[s.pos:end]), f.marker) {
				s.closeHeredoc(f.start, s.pos)
				if f := s.pop(); !s.failed {
					s.join(f)
				}
				s.pos = end // the line break ends the statement
				return
			}
		}
		for f.midline = true; f.midline && s.pos < len(s.data); {
			if s.data[s.pos] == '\n' {
				f.midline = false
				f.pieces++
				s.pos++
			} else if s.interpolation() || s.failed {
				return
			}
		}
	}
}

func (s *scanner) closeHeredoc(start, end int) {
	s.mark("unheredoc", end)
	if end-start > maxHeredocBytes {
		s.fail(codeHeredocSize, start, start+2, "Heredoc too long",
			"A heredoc that is not a script holds at most %d KiB. Keep long text in a file of the repository.", maxHeredocBytes>>10)
	}
}

// join bounds what hcl does with the pieces of a text: it takes time in their square.
func (s *scanner) join(f frame) {
	if s.joins += f.pieces * f.pieces; s.joins > maxJoins {
		s.fail(codeHeredocSize, f.start, f.start+1, "Text too long",
			"The texts of one file that are no scripts have too many lines and $ or %% signs. Keep long text in a file of the repository.")
	}
}

// interpolation moves on by one character of a template, and says whether code follows.
func (s *scanner) interpolation() bool {
	c, rest := s.data[s.pos], s.data[s.pos+1:]
	if c != '$' && c != '%' {
		s.plainRune()
		return false
	}
	s.top().pieces += 2 // it ends one piece, and starts another
	switch {
	case len(rest) > 1 && rest[0] == c && rest[1] == '{': // $${ and %%{ are text
		s.pos += 3
		return false
	case len(rest) > 0 && rest[0] == '{':
		if c == '%' {
			s.operator() // directives nest without brackets
		}
		s.mark("template", s.pos)
		s.push(frame{kind: inTemplate, start: s.pos})
		s.pos += 2
		return true
	}
	s.pos++
	return false
}

func (s *scanner) unterminated(start int, marker []byte) {
	hint := ""
	for i := s.src.line(start) + 1; i < len(s.src.lines); i++ {
		if line := bytes.TrimSpace(s.src.text(i)); bytes.EqualFold(line, marker) || bytes.HasPrefix(line, marker) && len(line) > len(marker) && !isIdent(line[len(marker)]) {
			hint = " Line " + itoa(i+1) + " comes close."
			break
		}
	}
	s.fail(codeHeredoc, start, start+2+len(marker), "Unterminated heredoc",
		"The text that starts here has no end: there is no later line that holds %s and nothing else.%s", marker, hint)
}
