package dsl

import "bytes"

// A statement is what is known so far of a line of a body, or an item of an object: its first word, and what came after.
type statement struct {
	word      string
	wordAt    int
	labels    int  // quoted or plain, between the word and its brace
	equals    bool // "=" came
	closed    bool // it was a block, whose "}" came
	loop      bool // an object is made by a for
	operators int
}

// newline ends a statement.
func (s *scanner) newline() {
	switch f := s.top(); f.kind {
	case inBody:
		if s.checkEnd(f); s.failed {
			return
		}
		f.statement, f.operand, f.dot, f.broken = statement{}, false, false, true
	case inObject:
		f.word, f.equals = "", false
	case inTemplate:
		if text := s.frames[len(s.frames)-2]; text.kind == inHeredoc && bytes.Equal(s.nextLine(), text.marker) {
			s.unclosedTemplate(f)
			return
		}
	}
	s.suspectQuote = -1
	s.pos++
}

// checkEnd refuses a line that ends before its statement does.
func (s *scanner) checkEnd(f *frame) {
	switch {
	case f.word == "" || f.closed:
	case f.equals && !f.operand:
		s.fail(codeSyntax, f.wordAt, s.lineEnd(f.wordAt), "Value missing",
			"The value of %q does not end on this line. A value of several lines stands in ( ), [ ] or { }, or is a heredoc.", f.word)
	case f.equals && !f.broken:
		s.oneLine(f, f.wordAt, f.wordAt+len(f.word))
	case f.equals:
	case f.labels > 0 || s.braceFollows():
		s.fail(codeSyntax, f.wordAt, s.lineEnd(f.wordAt), "Brace missing",
			"A block needs a { at the end of this line: %s {", bytes.TrimSpace(s.data[f.wordAt:s.pos]))
	default:
		s.fail(codeSyntax, f.wordAt, f.wordAt+len(f.word), "Statement incomplete",
			"A line starts an argument, %s = value, or a block, %s { ... }.", f.word, f.word)
	}
}

// lineEnd answers the offset of the end of a line, without what follows its last character.
func (s *scanner) lineEnd(from int) int {
	line, _, _ := bytes.Cut(s.data[from:], []byte("\n"))
	return from + len(bytes.TrimRight(line, " \t\r"))
}

// nextLine answers the line after the break that the scan is at, without the blanks around it.
func (s *scanner) nextLine() []byte {
	line, _, _ := bytes.Cut(s.data[s.pos+1:], []byte("\n"))
	return bytes.TrimSpace(line)
}

// braceFollows says whether the next line starts with the brace that this one lacks.
func (s *scanner) braceFollows() bool {
	return bytes.HasPrefix(bytes.TrimLeft(s.data[s.pos:], " \t\r\n"), []byte("{"))
}

func (s *scanner) oneLine(f *frame, start, end int) {
	s.fail(codeSyntax, start, end, "Too much on one line",
		"A block on one line holds one argument and nothing else: %s { name = value }. Give everything in this one a line of its own, "+
			"and its } too.", bytes.TrimSpace(s.data[f.head:f.start]))
}

// statementWord sees a word that ends at the position.
func (s *scanner) statementWord(start int) {
	f := s.top()
	word := s.data[start:s.pos]
	switch {
	case f.kind == inObject && f.word == "":
		f.word, f.wordAt = string(word), start
		f.loop = f.loop || f.word == "for"
	case f.kind != inBody:
	case f.closed:
		s.fail(codeSyntax, start, s.pos, "Line break missing", "A block ends with its line: what follows the } belongs on a line of its own.")
	case f.word == "":
		f.word, f.wordAt = string(word), start
	case !f.equals:
		f.labels++
	default:
		s.checkSecondOperand(f, start, s.pos)
	}
}

// statementQuote sees the start of a quoted text.
func (s *scanner) statementQuote() {
	f := s.top()
	switch {
	case f.kind != inBody:
	case f.word == "" && !f.closed:
		s.fail(codeSyntax, s.pos, s.pos+1, "Name in quotes", "Names of arguments and blocks stand without quotes: name = value, or name { ... }.")
	case f.closed || f.equals:
		s.statementValue(s.pos, s.pos+1)
	default:
		f.labels++
	}
}

// statementValue sees the start of what can only be part of a value.
func (s *scanner) statementValue(start, end int) {
	f := s.top()
	switch {
	case f.kind != inBody:
	case f.closed:
		s.fail(codeSyntax, start, end, "Line break missing", "A block ends with its line: what follows the } belongs on a line of its own.")
	case f.word == "":
		s.fail(codeSyntax, start, end, "Name missing", "A line starts an argument, name = value, or a block, name { ... }.")
	case !f.equals:
		s.missingEquals(f, start, end)
	default:
		s.checkSecondOperand(f, start, end)
	}
}

// checkSecondOperand refuses what directly follows the end of a value.
func (s *scanner) checkSecondOperand(f *frame, start, end int) {
	if !f.operand {
		return
	}
	if !f.broken {
		s.oneLine(f, start, end)
		return
	}
	s.fail(codeSyntax, start, end, "Operator or line break missing",
		"The value of %q ends before this. Another argument belongs on a line of its own; parts of one text are written as in \"${a}-${b}\".", f.word)
}

func (s *scanner) missingEquals(f *frame, start, end int) {
	if f.labels > 0 {
		s.fail(codeSyntax, start, end, "Brace missing", "After the name of a block comes {.")
		return
	}
	s.fail(codeSyntax, start, end, "\"=\" missing", "An argument is written %s = value, and a block %s { ... }.", f.word, f.word)
}

// statementSymbol sees an operator, or a comma, dot or colon.
func (s *scanner) statementSymbol(c byte) {
	f := s.top()
	switch {
	case f.kind == inObject && c == ',':
		f.word, f.equals = "", false
	case f.kind == inObject && c == ':':
		f.equals = true
	case f.kind != inBody:
	case c == ',' && (f.equals || f.closed):
		s.fail(codeSyntax, s.pos, s.pos+1, "Stray comma", "Arguments and blocks are not separated by commas: each stands on a line of its own.")
	case c == '-' && f.word == "" && !f.closed:
		s.fail(codeYAML, s.pos, s.lineEnd(s.pos), "This looks like YAML",
			"Lists are written in HCL as name = [a, b], and blocks as name { ... }.")
	case c == ':' && !f.equals && f.word != "" && f.labels == 0:
		s.fail(codeSyntax, s.pos, s.pos+1, "\"=\" missing", "An argument is written %s = value, with \"=\" and not with \":\".", f.word)
	case !f.equals || f.closed:
		s.statementValue(s.pos, s.pos+1)
	}
}

// checkEquals sees the first "=" of a statement.
func (s *scanner) checkEquals() {
	switch f := s.top(); {
	case f.closed:
		s.statementValue(s.pos, s.pos+1)
	case f.word == "":
		s.fail(codeSyntax, s.pos, s.pos+1, "Name missing", "There is no name before this \"=\". An argument is written name = value.")
	case f.labels > 0:
		s.fail(codeSyntax, s.pos, s.pos+1, "Stray \"=\"", "A block is written without \"=\": %s {", bytes.TrimSpace(s.data[f.wordAt:s.pos]))
	}
}
