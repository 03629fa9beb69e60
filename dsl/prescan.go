package dsl

import (
	"bytes"
)

// newScanner makes what reads a file once, byte by byte, before hcl does.
//
// It is needed for three reasons. hcl's parser is recursive without a limit and dies of a stack overflow, which nothing
// can recover from, on a few kilobytes of brackets; it also takes minutes for some numbers and heredocs. Scripts are
// raw text, while hcl would interpolate them: so each script is replaced by a quoted string of blanks of equal length,
// and its text is kept aside, under the place where hcl will see those blanks. And a mistake of form, such as a missing
// brace, is best reported by who knows what is open, and where it looks as if it should have been closed.
//
// The scan stops at the first thing that it cannot accept, since whatever follows would be misread.
func newScanner(src *source, ps *problems) *scanner {
	return &scanner{
		src:     src,
		ps:      ps,
		data:    append(append(make([]byte, 0, len(src.data)+1), src.data...), '\n'), // so that every line ends
		frames:  []frame{{kind: inBody, broken: true, start: -1}},
		scripts: map[int]script{}, suspectQuote: -1,
	}
}

func (s *scanner) scan() bool {
	if !s.checkCharacters() {
		return false
	}
	if bytes.HasPrefix(s.data, byteOrderMark) {
		copy(s.data, "   ") // some editors cannot do without it
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

// A piece is a block that hcl can parse by itself: its text from the type to the closing brace.
type piece struct {
	start, end int
	parent     int // offset of the brace that opens the block around it; -1 for the file
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
	pieces  []piece // inner ones before those around them
	joins   int     // what joining the texts costs hcl
	failed  bool
	// Where it looks as if a closing brace or quote was forgotten. They matter only if one really is missing.
	suspect      *frame
	suspectQuote int                       // of this line; -1 for none
	marks        func(kind string, at int) // for tests: where delimiters were seen
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
	head   int    // of a block: offset of its type
	block  string // the type of the block that an inBody frame belongs to; empty for the file
	broken bool   // of inBody: the line of the opening brace has ended
	marker []byte // of inHeredoc
	// Of the statement that inBody is at, or the item of inObject.
	statement
	operand bool // the last token ends an operand
	dot     bool // the last token was a dot
	midline bool // of inHeredoc: this line cannot be the end marker any more
	pieces  int  // of inQuote and inHeredoc: what hcl makes a token of, and joins again later
}

func (s *scanner) top() *frame { return &s.frames[len(s.frames)-1] }

// body is the innermost body, which counts the operators of what it is at.
func (s *scanner) body() *frame {
	for i := len(s.frames) - 1; ; i-- {
		if s.frames[i].kind == inBody {
			return &s.frames[i]
		}
	}
}

func (s *scanner) fail(c code, start, end int, title, detail string, args ...any) {
	s.failed = true
	s.ps.add(c, place{s.src, start, min(end, len(s.src.data))}, title, detail, args...)
}

func (s *scanner) mark(kind string, at int) {
	if s.marks != nil {
		s.marks(kind, at)
	}
}

// operator counts what makes an expression deep without brackets.
func (s *scanner) operator() {
	b := s.body()
	if b.operators++; b.operators > maxOperators {
		s.fail(codeOperators, s.pos, s.pos+1, "Too many operators",
			"One statement can have %d operators. Split it with locals.", maxOperators)
	}
}
