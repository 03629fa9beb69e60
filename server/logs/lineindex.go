package logs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
)

// linesPerEntry is how many lines lie between two entries of the file "lines". The entry at index i is the offset of
// line (i+1)*linesPerEntry, counted from 0, and in its upper 24 bits a checksum; the first releases wrote none.
const linesPerEntry = 512

const (
	entrySize  = 8
	offsetBits = 40
)

func encodeEntry(i, offset int64) uint64 {
	return uint64(offset) | entryCheck(i, offset)<<offsetBits
}

// decodeEntry answers false for an entry that is not as it was written. Another one, or none, has to do then.
func decodeEntry(i int64, rec uint64) (offset int64, ok bool) {
	offset = int64(rec & (1<<offsetBits - 1))
	check := rec >> offsetBits
	return offset, check == 0 || check == entryCheck(i, offset)
}

func entryCheck(i, offset int64) uint64 {
	text := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(i)), uint64(offset))
	return uint64(crc32.Checksum(text, castagnoli)&0xffffff | 1)
}

// A lineIndex counts the lines of a log that grows, and says where every linesPerEntry'th begins.
type lineIndex struct {
	breaks  int64 // line breaks so far
	open    bool  // there are bytes behind the last one
	pending []byte
}

// add counts data, which lies at off in the log. The entries that it makes wait for flush.
func (x *lineIndex) add(data []byte, off int64) {
	if len(data) == 0 {
		return
	}
	x.open = data[len(data)-1] != '\n'
	for pos := 0; ; {
		left := int(linesPerEntry - x.breaks%linesPerEntry)
		i := nthBreak(data[pos:], left)
		if i < 0 {
			x.breaks += int64(bytes.Count(data[pos:], newline))
			return
		}
		pos += i + 1
		x.breaks += int64(left)
		x.pending = binary.LittleEndian.AppendUint64(x.pending, encodeEntry(x.breaks/linesPerEntry-1, off+int64(pos)))
	}
}

var newline = []byte{'\n'}

// nthBreak answers the index of the n'th line break in data, or -1. It counts by blocks, since counting is far faster
// than stepping from line to line.
func nthBreak(data []byte, n int) int {
	const block = 4 << 10
	base := 0
	for len(data)-base > block {
		c := bytes.Count(data[base:base+block], newline)
		if c >= n {
			break
		}
		n, base = n-c, base+block
	}
	for ; n > 0; n-- {
		i := bytes.IndexByte(data[base:], '\n')
		if i < 0 {
			return -1
		}
		base += i + 1
	}
	return base - 1
}

// flush writes the waiting entries.
func (x *lineIndex) flush(file *os.File) error {
	if len(x.pending) == 0 {
		return nil
	}
	have := x.breaks/linesPerEntry - int64(len(x.pending)/8)
	if _, err := file.WriteAt(x.pending, have*8); err != nil {
		return fmt.Errorf("writing the index of lines: %w", err)
	}
	x.pending = x.pending[:0]
	return nil
}

// count is the number of lines; a last one without a line break counts.
func (x *lineIndex) count() int64 {
	if x.open {
		return x.breaks + 1
	}
	return x.breaks
}
