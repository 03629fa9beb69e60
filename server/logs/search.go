package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tutti-ci/tutti/server"
)

// searchBlock is how much of a log is searched at a time. A line that is longer is searched in pieces.
const searchBlock = 1 << 20

// Search finds the lines of a log that contain what the query asks for. It counts all of them, in a finished log as well
// as in one that grows, and lists the first query.Limit from line query.From on. Colours (SGR) do not hide a match; an empty
// query matches nothing.
func (s *Store) Search(ctx context.Context, id server.LogID, query server.LogQuery) (server.LogMatches, error) {
	if query.Text == "" {
		return server.LogMatches{}, nil
	}
	find, err := finderOf(query)
	if err != nil {
		return server.LogMatches{}, err
	}
	var found server.LogMatches
	err = s.reading(id, func(v view) error {
		if v.bytes == 0 {
			found = server.LogMatches{}
			return nil
		}
		file, err := v.openLog()
		if err != nil {
			return err
		}
		defer file.Close() // only read
		h := &hunt{finder: find, query: query, line: 1}
		err = h.run(ctx, io.NewSectionReader(file, 0, v.bytes))
		found = h.found
		return err
	})
	return found, err
}

// A hunt is one search on its way through a log.
type hunt struct {
	finder  finder
	query   server.LogQuery
	found   server.LogMatches
	line    int64 // number of the line at which the block begins
	counted bool  // that line is a match already
}

// run goes through the log block by block, each of whole lines where they are not too long.
func (h *hunt) run(ctx context.Context, log io.Reader) error {
	overlap := max(len(h.finder.word)-1, 0) // of the pieces of a long line
	buf := make([]byte, searchBlock+overlap)
	var scratch []byte
	have := 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(log, buf[have:])
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return fmt.Errorf("searching a log: %w", err)
		}
		have += n
		block := buf[:have]
		keep := have // from here on the bytes belong to the next block
		if !end {
			if i := bytes.LastIndexByte(block, '\n'); i >= 0 {
				keep, block = i+1, block[:i+1]
			} else {
				keep = have - overlap
			}
		}
		scratch = h.block(block, scratch)
		if end {
			return nil
		}
		have = copy(buf, buf[keep:have])
	}
}

// block looks at one block, without its colours if it has some.
func (h *hunt) block(block, scratch []byte) []byte {
	if bytes.IndexByte(block, 0x1b) >= 0 {
		scratch = plain(scratch[:0], block)
		block = scratch
	}
	h.finder.prepare(block)
	for {
		if h.counted { // the rest of a line that was counted does not count again
			i := bytes.IndexByte(block, '\n')
			if i < 0 {
				return scratch
			}
			block, h.counted = block[i+1:], false
			h.line++
		}
		i := h.finder.find(block)
		if i < 0 {
			h.line += int64(bytes.Count(block, newline))
			return scratch
		}
		h.line += int64(bytes.Count(block[:i], newline))
		h.match()
		block = block[i:]
	}
}

func (h *hunt) match() {
	h.counted = true
	h.found.Total++
	if h.line >= h.query.From && len(h.found.Lines) < h.query.Limit {
		h.found.Lines = append(h.found.Lines, h.line)
	}
}
