package logs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tutti-ci/tutti/server"
)

// MaxLine is how much of one line Lines shows.
const MaxLine = 16 << 10

// Lines answers up to count lines from number from on, which counts from 1, and how many the log has.
//
// The text is what a terminal would show in the end: of a progress bar drawn with carriage returns only the last state,
// and U+FFFD for what is no UTF-8. Escape sequences are left in. LogLine.Bytes is the length of that text; where it is
// more than the text's, the line was cut.
func (s *Store) Lines(id server.LogID, from int64, count int) (lines []server.LogLine, total int64, err error) {
	err = s.reading(id, func(v view) error {
		lines, total, err = v.readLines(from, count)
		return err
	})
	return lines, total, err
}

func (v view) readLines(from int64, count int) (lines []server.LogLine, total int64, err error) {
	from = max(from, 1)
	if count <= 0 || from > v.lines {
		return nil, v.lines, nil
	}
	scan, err := newLineScanner(v, from)
	if err != nil {
		return nil, 0, err
	}
	defer scan.close()
	count = int(min(int64(count), v.lines-from+1))
	lines = make([]server.LogLine, 0, count)
	for len(lines) < count {
		line, err := scan.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		lines = append(lines, line)
	}
	return lines, v.lines, nil
}

// A lineScanner reads lines one after the other.
type lineScanner struct {
	log    *checkedLog
	marks  *os.File
	times  *markReader
	in     *bufio.Reader
	pos    int64 // offset of the next line
	number int64 // of the next line
}

// newLineScanner starts at line number from.
func newLineScanner(v view, from int64) (s *lineScanner, err error) {
	s = new(lineScanner)
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.log, err = v.openLog(); err != nil {
		return nil, err
	}
	if s.marks, err = v.open("marks"); err != nil {
		return nil, err
	}
	line, pos, err := entryBefore(v, from)
	if err != nil {
		return nil, err
	}
	s.pos = pos
	s.in = bufio.NewReaderSize(io.NewSectionReader(s.log, s.pos, v.bytes-s.pos), 64<<10)
	for range from - 1 - line {
		if err = s.skip(); err != nil {
			return nil, fmt.Errorf("looking for line %d: %w", from, err)
		}
	}
	s.number = from
	if s.times, err = newMarkReader(s.marks, s.pos); err != nil {
		return nil, fmt.Errorf("reading marks: %w", err)
	}
	return s, nil
}

// entryBefore answers the last indexed line, counted from 0, that is not behind line number from, and its offset. The index may be
// shorter than it should be, after a full disk, or damaged: then it takes longer to find the line.
func entryBefore(v view, from int64) (line, offset int64, err error) {
	entry := (from - 1) / linesPerEntry
	if entry == 0 {
		return 0, 0, nil
	}
	file, err := v.open("lines")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer file.Close() // only read
	for ; entry > 0; entry-- {
		var rec [entrySize]byte
		_, err := file.ReadAt(rec[:], (entry-1)*entrySize)
		if err != nil && err != io.EOF {
			return 0, 0, fmt.Errorf("reading the index of lines: %w", err)
		}
		if offset, ok := decodeEntry(entry-1, binary.LittleEndian.Uint64(rec[:])); err == nil && ok && offset <= v.bytes {
			return entry * linesPerEntry, offset, nil
		}
	}
	return 0, 0, nil
}

func (s *lineScanner) close() {
	if s.log != nil {
		s.log.Close() // only read
	}
	if s.marks != nil {
		s.marks.Close() // only read
	}
}

// skip passes a line that ends in a line break.
func (s *lineScanner) skip() error {
	for {
		part, err := s.in.ReadSlice('\n')
		s.pos += int64(len(part))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// next answers the next line, or io.EOF.
func (s *lineScanner) next() (server.LogLine, error) {
	var shown fold
	start := s.pos
	for {
		part, err := s.in.ReadSlice('\n')
		s.pos += int64(len(part))
		shown.add(bytes.TrimSuffix(part, newline))
		if err == nil || err == io.EOF && s.pos > start {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return server.LogLine{}, err
		}
	}
	m, err := s.times.at(start)
	if err != nil {
		return server.LogLine{}, fmt.Errorf("reading marks: %w", err)
	}
	line := server.LogLine{Number: s.number, Time: m.at, Stderr: m.stderr}
	line.Text, line.Bytes = shown.text()
	s.number++
	return line, nil
}

// A fold is what remains to be seen of a line: the last piece that was written between carriage returns, since each
// piece is written over the one before. It keeps no more of it than is shown.
type fold struct {
	kept     []byte
	size     int64 // of the piece, kept or not
	returned bool  // the next byte begins a new piece
}

func (f *fold) add(part []byte) {
	for len(part) > 0 {
		piece, rest, returned := bytes.Cut(part, []byte{'\r'})
		if len(piece) > 0 {
			if f.returned {
				f.kept, f.size, f.returned = f.kept[:0], 0, false
			}
			f.kept = append(f.kept, piece[:min(len(piece), MaxLine-len(f.kept))]...)
			f.size += int64(len(piece))
		}
		f.returned = f.returned || returned
		part = rest
	}
}

// text answers what is shown, and its length if nothing were cut.
func (f *fold) text() ([]byte, int64) {
	valid := bytes.ToValidUTF8(f.kept, []byte("\uFFFD"))
	if f.size == int64(len(f.kept)) && len(valid) <= MaxLine {
		return valid, int64(len(valid))
	}
	valid = valid[:min(len(valid), MaxLine)]
	return bytes.ToValidUTF8(valid, nil), max(f.size, MaxLine+1)
}
