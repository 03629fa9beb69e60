package shim

import (
	"bytes"
	"time"
)

const (
	maxStretches = 32 << 10
	// Neighbours on one stream that came within this time become one stretch.
	stretchGap = 10 * time.Millisecond
)

// A tail keeps the last bytes of what is added, with their streams and times. Offsets count all that was ever added.
type tail struct {
	ring      []byte // the byte at offset o is at o % len(ring)
	total     int64
	stretches []Mark // the oldest first; their End is such an offset
	floor     int64  // nothing before is known any more
}

func newTail(size int) *tail { return &tail{ring: make([]byte, size)} }

func (t *tail) add(stderr bool, at time.Duration, p []byte) {
	size := int64(len(t.ring))
	t.note(Mark{End: t.total + int64(len(p)), At: at, Stderr: stderr})
	if extra := int64(len(p)) - size; extra > 0 {
		t.total += extra
		p = p[extra:]
	}
	n := copy(t.ring[t.total%size:], p)
	copy(t.ring, p[n:])
	t.total += int64(len(p))
	t.floor = max(t.floor, t.total-size)
}

// note adds a stretch, and forgets those that are not wanted any more. What is left of the slice is moved to its beginning
// only when append finds it full.
func (t *tail) note(m Mark) {
	if n := len(t.stretches); n > 0 {
		last := &t.stretches[n-1]
		if last.Stderr == m.Stderr && m.At-last.At < stretchGap {
			last.End = m.End // and it keeps its time: with the newest one a busy stream would be a single stretch
			return
		}
	}
	for len(t.stretches) > 0 && t.stretches[0].End <= t.floor {
		t.stretches = t.stretches[1:]
	}
	if len(t.stretches) == maxStretches { // one byte on one stream, one on the other
		t.floor = t.stretches[0].End
		t.stretches = t.stretches[1:]
	}
	t.stretches = append(t.stretches, m)
}

// from answers where the kept bytes begin: at a line's beginning, if some are missing before and the line is not very long.
func (t *tail) from() int64 {
	if t.floor == 0 {
		return 0
	}
	for o, end := t.floor, min(t.total, t.floor+longLine); o < end; {
		piece := t.piece(o, end)
		if i := bytes.IndexByte(piece, '\n'); i >= 0 {
			if next := o + int64(i) + 1; next < t.total {
				return next
			}
			break
		}
		o += int64(len(piece))
	}
	return t.floor
}

// at answers the time of the oldest kept byte.
func (t *tail) at() time.Duration {
	for _, m := range t.stretches {
		if m.End > t.floor {
			return m.At
		}
	}
	return 0
}

// each answers the kept bytes from an offset, in their order.
func (t *tail) each(from int64, do func(stderr bool, at time.Duration, p []byte)) {
	for _, m := range t.stretches {
		for from < m.End {
			p := t.piece(from, m.End)
			do(m.Stderr, m.At, p)
			from += int64(len(p))
		}
	}
}

// piece answers bytes from an offset up to end, or to the end of the ring.
func (t *tail) piece(from, end int64) []byte {
	size := int64(len(t.ring))
	at := from % size
	return t.ring[at:min(size, at+end-from)]
}
