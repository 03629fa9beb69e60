package dsl

import "bytes"

func (s *scanner) push(f frame) {
	if f.kind != inQuote && f.kind != inHeredoc {
		if s.nesting++; s.nesting > maxNesting {
			s.fail(codeNesting, f.start, f.start+1, "Nested too deeply",
				"Brackets and blocks can be nested %d deep. Give inner parts a name in locals.", maxNesting)
		}
	}
	s.frames = append(s.frames, f)
}

func (s *scanner) pop() frame {
	f := *s.top()
	s.frames = s.frames[:len(s.frames)-1]
	if f.kind != inQuote && f.kind != inHeredoc {
		s.nesting--
	}
	return f
}

func (s *scanner) openBracket(c byte, operand bool) {
	if s.top().kind == inBody && (!s.top().equals || s.top().closed) {
		s.statementValue(s.pos, s.pos+1)
		return
	}
	if c == '[' && operand {
		s.operator() // an index nests as an operator does
	}
	s.push(frame{kind: inParens, opener: c, start: s.pos})
	s.pos++
}

func (s *scanner) closeBracket(c byte) {
	open := map[byte]byte{')': '(', ']': '['}[c]
	f := s.top()
	switch {
	case f.kind == inParens && f.opener == open:
		s.pop()
		s.endOperand()
		s.pos++
	case f.kind == inParens || s.isOpen(open):
		s.unclosed(f, "This %s is not closed before the %c in line %d.", s.data[f.start:f.start+1], c, s.src.line(s.pos)+1)
	default:
		s.fail(codeSyntax, s.pos, s.pos+1, "Stray bracket", "No %c is open here that this could close.", open)
	}
}

// isOpen says whether a bracket is open in the statement that the scan is at.
func (s *scanner) isOpen(opener byte) bool {
	for i := len(s.frames) - 1; s.frames[i].kind != inBody; i-- {
		if s.frames[i].opener == opener {
			return true
		}
	}
	return false
}

func (s *scanner) openBrace() {
	f := s.top()
	switch {
	case f.kind == inBody && !f.equals:
		s.openBlock(f)
		return
	case f.kind == inBody:
		s.checkSecondOperand(f, s.pos, s.pos+1)
	case f.kind == inObject && f.word != "" && !f.equals && f.operand && !f.loop:
		s.unclosed(f, "This { is not closed: in line %d a block starts.", s.src.line(s.pos)+1)
	}
	if s.failed {
		return
	}
	s.mark("{", s.pos)
	s.push(frame{kind: inObject, start: s.pos})
	s.pos++
}

func (s *scanner) openBlock(f *frame) {
	switch {
	case f.closed || f.word == "":
		s.fail(codeSyntax, s.pos, s.pos+1, "Stray brace", "A block starts with its kind, as in job \"test\" {, on one line.")
		return
	case !f.broken:
		s.oneLine(f, f.wordAt, s.pos)
		return
	}
	if len(s.frames) > 1 && s.suspect == nil && s.indent(f.wordAt) <= s.indent(f.head) {
		s.suspect = &frame{kind: f.kind, start: f.start, block: f.block} // a block inside stands no deeper
	}
	s.mark("{", s.pos)
	s.push(frame{kind: inBody, start: s.pos, head: f.wordAt, block: f.word})
	s.pos++
}

// indent is the number of blanks that the line of an offset starts with.
func (s *scanner) indent(at int) int {
	line := s.src.data[s.src.lines[s.src.line(at)]:]
	return len(line) - len(bytes.TrimLeft(line, " \t"))
}

func (s *scanner) closeBrace() {
	f := s.top()
	switch {
	case f.kind == inParens:
		s.unclosed(f, "This %c is not closed before the } in line %d.", f.opener, s.src.line(s.pos)+1)
	case len(s.frames) == 1:
		s.fail(codeSyntax, s.pos, s.pos+1, "Stray brace", "No { is open here that this could close.")
	case f.kind == inBody:
		s.checkBeforeBrace(f)
	}
	if s.failed {
		return
	}
	s.mark("}", s.pos)
	if f.kind != inTemplate && s.suspect == nil && s.startsLine(s.pos) && s.indent(s.pos) < s.indent(f.start) {
		s.suspect = &frame{kind: f.kind, start: f.start, block: f.block}
	}
	s.pos++
	if closed := s.pop(); closed.kind == inBody {
		s.endBlock(closed)
	} else {
		s.endOperand()
	}
}

// checkBeforeBrace refuses a statement that the brace of its block cuts off.
func (s *scanner) checkBeforeBrace(f *frame) {
	switch {
	case f.closed:
		s.fail(codeSyntax, s.pos, s.pos+1, "Line break missing", "A block ends with its line: this } belongs on a line of its own.")
	case f.word == "":
	case f.equals && !f.operand:
		s.fail(codeSyntax, f.wordAt, s.pos, "Value missing", "There is no value for %q before the }.", f.word)
	case f.equals && f.broken:
		s.fail(codeSyntax, s.pos, s.pos+1, "Line break missing", "The } of a block of several lines stands on a line of its own.")
	case f.equals:
	default:
		s.fail(codeSyntax, f.wordAt, s.pos, "Statement incomplete", "An argument is written %s = value, and a block %s { ... }.", f.word, f.word)
	}
}

func (s *scanner) startsLine(at int) bool {
	return len(bytes.TrimLeft(s.data[s.src.lines[s.src.line(at)]:at], " \t")) == 0
}

// endBlock ends the statement that the block was, and notes it for hcl to parse by itself.
func (s *scanner) endBlock(closed frame) {
	outer := s.top()
	outer.closed = true
	const levels = 3 // the file, pipelines, and what those hold
	if len(s.frames) < levels && s.lineEnds() {
		s.pieces = append(s.pieces, piece{closed.head, s.pos, outer.start})
	}
}

// lineEnds says whether nothing but a comment follows on the line.
func (s *scanner) lineEnds() bool {
	rest := bytes.TrimLeft(s.data[s.pos:], " \t\r")
	return rest[0] == '\n' || rest[0] == '#' || bytes.HasPrefix(rest, []byte("//"))
}

func (s *scanner) unclosed(f *frame, detail string, args ...any) {
	width := 1
	if f.kind == inTemplate {
		width = 2
	}
	s.fail(codeSyntax, f.start, f.start+width, "Not closed", detail, args...)
}

// checkClosed reports what is open at the end of the file.
func (s *scanner) checkClosed() {
	if len(s.frames) == 1 {
		return
	}
	for i := range s.frames {
		if f := &s.frames[i]; f.kind == inTemplate {
			s.unclosedTemplate(f)
			return
		}
	}
	switch f := s.top(); {
	case f.kind == inHeredoc:
		s.unterminated(f.start, f.marker)
	case f.kind == inParens:
		s.unclosed(f, "This %c is not closed.", f.opener)
	case s.suspect != nil:
		s.unclosedBrace(s.suspect)
	default:
		s.unclosedBrace(f)
	}
}

func (s *scanner) unclosedTemplate(f *frame) {
	sign := s.data[f.start]
	s.unclosed(f, "This %c{ is not closed by a }. To write these characters themselves, double the first: %c%c{.", sign, sign, sign)
}

func (s *scanner) unclosedBrace(f *frame) {
	if f.kind == inBody && f.block != "" {
		s.unclosed(f, "This { of %q has no } that closes it.", f.block)
		return
	}
	s.unclosed(f, "This { has no } that closes it.")
}
