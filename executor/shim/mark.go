package shim

import (
	"encoding/binary"
	"fmt"
	"time"
)

// MarkSize is the length of an encoded Mark.
const MarkSize = 16

// A Mark describes one stretch of a log: the bytes between the end of the mark before it (or the log's beginning) and
// its own end.
type Mark struct {
	End    int64         // offset of the first byte after the stretch
	At     time.Duration // when it came, since the activity's start; kept to the microsecond
	Stderr bool          // on which stream
}

// Append encodes m at the end of b: the end as a little-endian uint64, then the microseconds, shifted left by one, with the
// stream in the lowest bit, as a little-endian int64.
func (m Mark) Append(b []byte) []byte {
	at := m.At.Microseconds() << 1
	if m.Stderr {
		at |= 1
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(m.End))
	return binary.LittleEndian.AppendUint64(b, uint64(at))
}

// DecodeMark reads the mark at the beginning of b.
func DecodeMark(b []byte) (Mark, error) {
	if len(b) < MarkSize {
		return Mark{}, fmt.Errorf("reading mark: %d bytes instead of %d", len(b), MarkSize)
	}
	end := int64(binary.LittleEndian.Uint64(b))
	at := int64(binary.LittleEndian.Uint64(b[8:]))
	if end < 0 || at < 0 {
		return Mark{}, fmt.Errorf("reading mark: end %d, time %d: neither may be negative", end, at)
	}
	return Mark{End: end, At: time.Duration(at>>1) * time.Microsecond, Stderr: at&1 == 1}, nil
}
