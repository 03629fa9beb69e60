package dsl

import "bytes"

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
		s.badHeredoc(start)
		return
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
	s.checkScript(sc.start, sc.end)
	s.scripts[start] = sc
	s.data[start] = '"'
	for i := start + 1; i < sc.expr-1; i++ {
		s.data[i] = ' '
	}
	s.data[sc.expr-1] = '"'
	s.endOperand()
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
