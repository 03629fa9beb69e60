package dsl

import (
	"bytes"
)

// quoted scans on inside "…", to its end or to an interpolation.
func (s *scanner) quoted() {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '\n' || c == '\r':
			s.unclosedQuote(s.top().start, s.pos)
			return
		case c == '\\':
			s.pos++
			if next := s.data[s.pos]; next != '\n' && next != '\r' {
				s.pos++
			}
		case c == '"':
			s.join(s.pop())
			s.mark("unquote", s.pos)
			s.pos++
			return
		case s.interpolation():
			return
		}
	}
}

// heredoc scans on inside a heredoc, to its end or to an interpolation. The end marker must stand alone on its line.
func (s *scanner) heredoc() {
	f := s.top()
	for s.pos < len(s.data) {
		if !f.midline {
			end := s.pos + bytes.IndexByte(s.data[s.pos:], '\n')
			if bytes.Equal(bytes.TrimSpace(s.data[s.pos:end]), f.marker) {
				s.closeHeredoc(f.start, s.pos)
				s.join(s.pop())
				s.pos = end // the line break ends the statement
				return
			}
		}
		for f.midline = true; f.midline && s.pos < len(s.data); {
			if s.data[s.pos] == '\n' {
				f.midline = false
				f.pieces++
				s.pos++
			} else if s.interpolation() {
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
		s.pos++
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

// rawScript takes the text of a script out, if its expression starts in one of the two ways that scripts are written in.
// hcl then sees one quoted string of blanks of equal length, which costs it nothing and keeps every offset.
func (s *scanner) rawScript() {
	start := s.pos
	for s.data[start] == ' ' || s.data[start] == '\t' {
		start++
	}
	rest := s.data[start:]
	switch {
	case bytes.HasPrefix(rest, []byte("<<")):
		s.rawHeredoc(start)
	case rest[0] == '"':
		s.rawQuote(start)
	}
}

func (s *scanner) rawHeredoc(start int) {
	marker, after := heredocMarker(s.data[start:])
	if marker == nil {
		return // code reports it
	}
	body := start + after
	for line := body; line < len(s.data); {
		end := line + bytes.IndexByte(s.data[line:], '\n')
		if bytes.Equal(bytes.TrimSpace(s.data[line:end]), marker) {
			text := scriptLines(s.data[body:line], s.data[start+2] == '-')
			s.keepScript(start, script{text: text, start: body, end: line, expr: len(bytes.TrimRight(s.data[:end], " \t\r"))})
			return
		}
		line = end + 1
	}
	s.unterminated(start, marker)
}

func (s *scanner) rawQuote(start int) {
	for i := start + 1; i < len(s.data); i++ {
		switch s.data[i] {
		case '\n', '\r':
			s.unclosedQuote(start, i)
			return
		case '\\':
			if i++; s.data[i] == '\n' || s.data[i] == '\r' {
				s.unclosedQuote(start, i)
				return
			}
		case '"':
			text, bad := unescape(s.data[start+1 : i])
			if bad >= 0 {
				s.fail(codeEscape, start+1+bad, start+1+bad+2, "Unknown escape",
					"In a quoted script a backslash is written \\\\, a quote \\\", a line break \\n and a tab \\t. "+
						"A heredoc (script = <<SH) needs no escapes.")
				return
			}
			s.keepScript(start, script{text: text, start: start + 1, end: i, expr: i + 1})
			return
		}
	}
}

// keepScript stores a script and blanks it.
func (s *scanner) keepScript(start int, sc script) {
	if sc.end-sc.start > maxScriptBytes {
		s.fail(codeScriptSize, start, start+2, "Script too long",
			"A script holds at most %d KiB. Keep it in a file of the repository, and run that.", maxScriptBytes>>10)
		return
	}
	s.scripts[start] = sc
	s.data[start] = '"'
	for i := start + 1; i < sc.expr-1; i++ {
		s.data[i] = ' '
	}
	s.data[sc.expr-1] = '"'
	s.top().operand = true
	s.pos = sc.expr
}

// unescape reads the text of a quoted script, and answers the offset of an escape that is none, or -1.
func unescape(raw []byte) (text string, bad int) {
	var b bytes.Buffer
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b.WriteByte(raw[i])
			continue
		}
		i++
		switch raw[i] {
		case '"', '\\':
			b.WriteByte(raw[i])
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		default:
			return "", i - 1
		}
	}
	return b.String(), -1
}

// scriptLines reads the text of a heredoc: line breaks become LF, and <<- takes the indentation off that all lines share.
func scriptLines(raw []byte, flush bool) string {
	text := bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	if !flush {
		return string(text)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	var indent []byte
	first := true
	for _, line := range lines {
		blank := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		switch {
		case len(bytes.TrimSpace(line)) == 0: // says nothing about the indentation
		case first:
			indent, first = blank, false
		default:
			indent = indent[:commonPrefix(indent, blank)]
		}
	}
	var b bytes.Buffer
	for _, line := range lines {
		b.Write(line[commonPrefix(indent, line):])
	}
	return b.String()
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
