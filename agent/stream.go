package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A stream is the log of one activity on its way from the spool to the server.
type stream struct {
	number    uint32
	claim     wire.Claim
	activity  string
	logPath   string
	marksPath string

	// The writer of the spool tells how far it came, marks first, so that who reads in the other order has the marks of all
	// the bytes that he sees.
	marksEnd atomic.Int64
	logEnd   atomic.Int64

	// What follows is guarded by the shipper.
	complete  bool      // logEnd is final
	announced bool      // on this connection
	opened    bool      // the server said what it has
	heldUntil time.Time // the server does not want it before
	heard     time.Time // when the server said something of it last, or began to owe it a word
	sent      int64     // under way or acknowledged
	acked     int64     // on the server's disk
	broken    string    // why no more can be sent
	files     *streamFiles
}

// settled says whether nothing is left to do for the stream.
func (s *stream) settled() bool {
	return s.broken != "" || s.complete && s.acked >= s.logEnd.Load()
}

// waits says whether the server owes the stream a word.
func (s *stream) waits() bool { return s.announced && (!s.opened || s.sent > s.acked) }

// rewind goes on from what the server has.
func (s *stream) rewind(length int64) {
	s.opened = true
	s.sent, s.acked = length, length
	if length > s.logEnd.Load() {
		s.broken = fmt.Sprintf("the server has %d bytes of it, and the agent's spool only %d", length, s.logEnd.Load())
	}
	if s.files != nil {
		s.files.marksAt = -1
	}
}

// streamFiles are the spool's files, open for reading.
type streamFiles struct {
	log, marks *os.File
	marksAt    int64 // where the first mark begins that is not sent; -1 if it has to be looked for
}

func (s *stream) open() error {
	if s.files != nil {
		return nil
	}
	log, err := os.Open(s.logPath)
	if err != nil {
		return err
	}
	marks, err := os.Open(s.marksPath)
	if err != nil {
		return errors.Join(err, log.Close())
	}
	s.files = &streamFiles{log: log, marks: marks, marksAt: -1}
	return nil
}

// rest closes the files until they are needed again.
func (s *stream) rest() {
	if s.files == nil {
		return
	}
	s.files.log.Close() // only read
	s.files.marks.Close()
	s.files = nil
}

// A piece is what one LogData takes from a stream.
type piece struct {
	payload, marks []byte // buffers
}

func newPiece() *piece {
	return &piece{payload: make([]byte, wire.MaxPayload), marks: make([]byte, wire.MaxMarks/wire.MarkSize*wire.MarkSize)}
}

// read fills p with up to n bytes at offset off and their marks.
func (s *stream) read(p *piece, off int64, n int) (wire.LogData, error) {
	if err := s.open(); err != nil {
		return wire.LogData{}, fmt.Errorf("reading the spool: %w", err)
	}
	marksEnd := s.marksEnd.Load()
	if got, err := s.files.log.ReadAt(p.payload[:n], off); got < n {
		return wire.LogData{}, fmt.Errorf("reading the spool: bytes from %d on are missing: %w", off+int64(got), err)
	}
	marks, n, err := s.files.readMarks(p.marks, marksEnd, off, n)
	if err != nil {
		return wire.LogData{}, fmt.Errorf("reading the spool's marks: %w", err)
	}
	return wire.LogData{Stream: s.number, Offset: off, Marks: marks, Payload: p.payload[:n]}, nil
}

// readMarks answers the marks that end in the n bytes from off on. If there are more than fit, n becomes less.
func (f *streamFiles) readMarks(buf []byte, marksEnd, off int64, n int) ([]byte, int, error) {
	marksEnd -= marksEnd % wire.MarkSize
	if f.marksAt < 0 {
		at, err := firstMark(f.marks, marksEnd, off)
		if err != nil {
			return nil, 0, err
		}
		f.marksAt = at
	}
	want := min(int64(len(buf)), marksEnd-f.marksAt, int64(n)*wire.MarkSize)
	buf = buf[:max(want, 0)]
	if got, err := f.marks.ReadAt(buf, f.marksAt); got < len(buf) {
		return nil, 0, err
	}
	size := 0
	for size < len(buf) && markEnd(buf[size:]) <= off+int64(n) {
		size += wire.MarkSize
	}
	if size > 0 && size == len(buf) && f.marksAt+int64(size) < marksEnd {
		n = int(markEnd(buf[size-wire.MarkSize:]) - off)
	}
	f.marksAt += int64(size)
	return buf[:size], n, nil
}

// firstMark finds where the first mark begins that ends behind off.
func firstMark(marks *os.File, marksEnd, off int64) (int64, error) {
	var rec [wire.MarkSize]byte
	low, high := int64(0), marksEnd/wire.MarkSize
	for low < high {
		mid := (low + high) / 2
		if _, err := marks.ReadAt(rec[:], mid*wire.MarkSize); err != nil && err != io.EOF {
			return 0, err
		}
		if markEnd(rec[:]) > off {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low * wire.MarkSize, nil
}

func markEnd(rec []byte) int64 { return int64(binary.LittleEndian.Uint64(rec)) }
