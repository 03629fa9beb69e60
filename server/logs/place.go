package logs

import (
	"fmt"
	"io"

	"github.com/tutti-ci/tutti/server"
)

// Place answers where in the log a line begins, and where it ends, without its line break: for whoever wants all of a
// line that Lines cuts. Both are the log's length for a line that is not there.
func (s *Store) Place(id server.LogID, line int64) (start, end int64, err error) {
	err = s.reading(id, func(v view) error {
		start, end, err = v.place(line)
		return err
	})
	return start, end, err
}

func (v view) place(line int64) (start, end int64, err error) {
	if line < 1 || line > v.lines {
		return v.bytes, v.bytes, nil
	}
	scan, err := newLineScanner(v, line)
	if err != nil {
		return 0, 0, err
	}
	defer scan.close()
	start = scan.pos
	if _, err := scan.next(); err != nil && err != io.EOF {
		return 0, 0, fmt.Errorf("looking for the end of line %d: %w", line, err)
	}
	end = scan.pos
	var last [1]byte
	if _, err := scan.log.ReadAt(last[:], end-1); err != nil {
		return 0, 0, fmt.Errorf("reading the end of line %d: %w", line, err)
	}
	if last[0] == '\n' {
		end--
	}
	return start, end, nil
}
