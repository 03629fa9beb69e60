package dsl

import (
	"bytes"
	"unicode/utf8"
)

// prescan reads a file once, byte by byte, before hcl does.
//
// It is needed for two reasons. hcl's parser is recursive without a limit and dies of a stack overflow, which nothing
// can recover from, on a few kilobytes of brackets; it also takes minutes for some numbers and heredocs. And scripts are
// raw text, while hcl would interpolate them: so each script is replaced by a quoted string of blanks of equal length,
// and its text is kept aside, under the place where hcl will see those blanks.
//
// The scan stops at the first thing that it cannot accept, since whatever follows would be misread.
func prescan(src *source, ps *problems) (blanked []byte, scripts map[int]script, ok bool) {
	s := newScanner(src, ps)
	ok = s.scan()
	return s.data, s.scripts, ok
}

func newScanner(src *source, ps *problems) *scanner {
	return &scanner{
		src:     src,
		ps:      ps,
		data:    append(append(make([]byte, 0, len(src.data)+1), src.data...), '\n'), // so that every line ends
		frames:  []frame{{kind: inBody}},
		scripts: map[int]script{},
	}
}

func (s *scanner) scan() bool {
	if !s.checkCharacters() {
		return false
	}
	for !s.failed && s.pos < len(s.data) {
		switch s.top().kind {
		case inQuote:
			s.quoted()
		case inHeredoc:
			s.heredoc()
		default:
			s.code()
		}
	}
	if !s.failed {
		s.checkClosed()
	}
	return !s.failed
}

// A script is the raw text of a script attribute.
type script struct {
	text  string
	start int // offsets of what stands between the delimiters, in the file
	end   int
	expr  int // offset of the end of the whole expression
}

// scanner is the state of a prescan: a position and a stack of what is open there.
type scanner struct {
	src     *source
	ps      *problems
	data    []byte
	pos     int
	frames  []frame
	nesting int // frames that make hcl's parser recurse
	scripts map[int]script
	joins   int // what joining the texts costs hcl
	failed  bool
	marks   func(kind string, at int) // for tests: where delimiters were seen
}

type frameKind int

const (
	inBody     frameKind = iota // the file, or a block: statements, one a line
	inObject                    // { } of an expression
	inParens                    // ( ) and [ ]
	inTemplate                  // ${ } or %{ }
	inQuote
	inHeredoc
)

// A frame is something that is open.
type frame struct {
	kind   frameKind
	opener byte   // of inParens
	start  int    // offset of the opening delimiter
	block  string // the type of the block that an inBody frame belongs to; empty for the file
	marker []byte // of inHeredoc
	// Of the statement that inBody is at: its first word, whether "=" came, its operators.
	word      string
	equals    bool
	operators int
	operand   bool // the last token can be followed by an index
	midline   bool // of inHeredoc: this line cannot be the end marker any more
	pieces    int  // of inQuote and inHeredoc: what hcl makes a token of, and joins again later
}

func (s *scanner) top() *frame { return &s.frames[len(s.frames)-1] }

// statement is the innermost body, which counts the operators of what it is at.
func (s *scanner) statement() *frame {
	for i := len(s.frames) - 1; ; i-- {
		if s.frames[i].kind == inBody {
			return &s.frames[i]
		}
	}
}

func (s *scanner) fail(c code, start, end int, title, detail string, args ...any) {
	s.failed = true
	s.ps.add(c, place{s.src, start, end}, title, detail, args...)
}

func (s *scanner) mark(kind string, at int) {
	if s.marks != nil {
		s.marks(kind, at)
	}
}

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

// operator counts what makes an expression deep without brackets.
func (s *scanner) operator() {
	st := s.statement()
	if st.operators++; st.operators > maxOperators {
		s.fail(codeOperators, s.pos, s.pos+1, "Too many operators",
			"One statement can have %d operators. Split it with locals.", maxOperators)
	}
}

// checkCharacters refuses what an editor would not show, or what no shell and no database takes.
func (s *scanner) checkCharacters() bool {
	data := s.src.data
	if bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")) {
		s.fail(codeCharacter, 0, 3, "Byte order mark", "This file starts with a byte order mark. Save it as UTF-8 without one.")
		return false
	}
	for i := 0; i < len(data); {
		if b := data[i]; b < utf8.RuneSelf && b != 0 && b != '\r' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			s.fail(codeCharacter, i, i+1, "Not UTF-8", "This byte (0x%02x) does not belong to a UTF-8 character. Save the file as UTF-8.", data[i])
		case r == 0:
			s.fail(codeCharacter, i, i+1, "NUL character", "There is a NUL character (0x00) here, which no program takes. Remove it.")
		case r == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			s.fail(codeCharacter, i, i+1, "Lone carriage return", "There is a carriage return without a line feed here. End lines with LF or CRLF.")
		case isBidi(r):
			s.fail(codeCharacter, i, i+size, "Invisible character",
				"The character U+%04X here is invisible and makes text look other than it is. Remove it.", r)
		}
		if s.failed {
			return false
		}
		i += size
	}
	return true
}

// checkClosed reports what is open at the end of the file where hcl would report it badly. Open brackets it reports well.
func (s *scanner) checkClosed() {
	for i := len(s.frames) - 1; i >= 0; i-- {
		switch f := s.frames[i]; f.kind {
		case inHeredoc:
			s.unterminated(f.start, f.marker)
			return
		case inQuote:
			s.unclosedQuote(f.start, len(s.src.data))
			return
		}
	}
}

func (s *scanner) unclosedQuote(start, end int) {
	s.fail(codeQuote, start, end, "Unclosed quote",
		"This text is not closed before the end of its line. Add the closing \", or use a heredoc for text of several lines.")
}

func (s *scanner) unterminated(start int, marker []byte) {
	end := min(start+2+len(marker), len(s.src.data))
	s.fail(codeHeredoc, start, end, "Unterminated heredoc",
		"The text that starts here has no end: there is no later line that holds %s and nothing else.", marker)
}
