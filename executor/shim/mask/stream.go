package mask

// replacement stands for each stretch of secret text.
const replacement = "***"

// A Stream masks one stream of text. It keeps back what may be the beginning of a form, and nothing else.
type Stream struct {
	set  *Set
	at   int32  // the state of the automaton
	held []byte // the text that is not answered yet
	// covered are the stretches of held that forms were found in, in their order, with something between them. Positions
	// count from the beginning of held.
	covered []stretch
}

// A stretch is text that is replaced as a whole.
type stretch struct {
	start, end int
	shown      bool // its replacement was answered already
}

// Stream begins a stream.
func (s *Set) Stream() *Stream { return &Stream{set: s} }

// Mask masks a whole text. A nil Set masks nothing.
func (s *Set) Mask(text string) string {
	if s == nil {
		return text
	}
	stream := s.Stream()
	return string(stream.Flush(stream.Append(nil, []byte(text))))
}

// Holds says whether a text holds a form of a secret.
func (s *Set) Holds(text []byte) bool {
	if s == nil {
		return false
	}
	at := int32(0)
	for _, b := range text {
		if at = s.next(at, b); s.nodes[at].match > 0 {
			return true
		}
	}
	return false
}

// Append takes the next piece of the text and appends to out what may be shown by now.
func (s *Stream) Append(out, piece []byte) []byte {
	for {
		if s.at == 0 && len(s.held) == 0 {
			clean := s.skip(piece)
			out = append(out, piece[:clean]...)
			piece = piece[clean:]
		}
		if len(piece) == 0 {
			return out
		}
		used := s.walk(piece)
		piece = piece[used:]
		out = s.release(out, len(s.held)-int(s.set.nodes[s.at].depth))
	}
}

// Flush appends what is still kept back to out: the text is at its end. The stream can then be used for another text.
func (s *Stream) Flush(out []byte) []byte {
	out = s.release(out, len(s.held))
	s.at = 0
	return out
}

// skip answers how much of a piece has nothing to do with any form: none begins in it.
func (s *Stream) skip(piece []byte) int {
	window, table := s.set.window, &s.set.skip
	i := 0
	for i+window <= len(piece) {
		shift := int(table[pair(piece[i+window-2], piece[i+window-1])])
		if shift == 0 {
			return i
		}
		i += shift
	}
	return i
}

// walk takes bytes in until the automaton is back where it began, so that the rest may be skipped through, or the piece
// is at its end.
func (s *Stream) walk(piece []byte) (used int) {
	set, at := s.set, s.at
	for i, b := range piece {
		at = set.next(at, b)
		if length := int(set.nodes[at].match); length > 0 {
			s.cover(len(s.held)+i+1-length, len(s.held)+i+1)
			at = set.settle(at)
		}
		if at == 0 {
			piece = piece[:i+1]
			break
		}
	}
	s.at = at
	s.held = append(s.held, piece...)
	return len(piece)
}

// cover notes that a form was found, and joins it with those that it overlaps.
func (s *Stream) cover(start, end int) {
	joined := stretch{start: start, end: end}
	for n := len(s.covered); n > 0 && s.covered[n-1].end > joined.start; n-- {
		last := s.covered[n-1]
		joined.start, joined.shown = min(joined.start, last.start), joined.shown || last.shown
		s.covered = s.covered[:n-1]
	}
	s.covered = append(s.covered, joined)
}

// release answers held up to a position before which no form will begin any more. A stretch that reaches beyond may still
// grow; its replacement does not.
func (s *Stream) release(out []byte, upTo int) []byte {
	from, gone := 0, 0
	for i := range s.covered {
		c := &s.covered[i]
		if c.start >= upTo {
			break
		}
		out = append(out, s.held[from:max(from, c.start)]...)
		if !c.shown {
			out = append(out, replacement...)
			c.shown = true
		}
		from = min(c.end, upTo)
		if c.end > upTo {
			break
		}
		gone++
	}
	out = append(out, s.held[from:max(from, upTo)]...)
	s.covered = append(s.covered[:0], s.covered[gone:]...)
	s.held = append(s.held[:0], s.held[upTo:]...)
	for i := range s.covered {
		c := &s.covered[i]
		c.start, c.end = max(0, c.start-upTo), c.end-upTo
	}
	return out
}
