package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The sizes of SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#walformat).
const (
	walHeader   = 32
	frameHeader = 24
	walMagic    = 0x377f0682 // with bit 0 set, checksums are big-endian
)

// A wal is what SQLite's write-ahead log holds: the pages of all transactions that were committed and are not in the database
// file for certain.
type wal struct {
	pages map[uint32]int64 // of each page the place of its last content
	size  int              // of a page
	// damaged says that a transaction in it was on disk once, and is not as it was written.
	damaged bool
}

// readWAL reads the log at path as SQLite does when it opens the database. A log that is not there is empty.
func readWAL(path string) (w wal, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return wal{}, nil
	}
	if err != nil {
		return wal{}, fmt.Errorf("reading write-ahead log: %w", err)
	}
	defer f.Close() // only read
	s := walScanner{file: f}
	if err := s.scan(); err != nil {
		return wal{}, fmt.Errorf("reading write-ahead log: %w", err)
	}
	return s.wal, nil
}

// A walScanner reads a log from its beginning.
type walScanner struct {
	wal
	file  *os.File
	order binary.ByteOrder // of checksums
	salts [8]byte
	sum   [2]uint32
	frame []byte
}

func (s *walScanner) scan() error {
	var head [walHeader]byte
	n, err := s.file.ReadAt(head[:], 0)
	if n == 0 && err == io.EOF {
		return nil
	}
	if err != nil && err != io.EOF {
		return err
	}
	magic := binary.BigEndian.Uint32(head[:])
	s.order = binary.LittleEndian
	if magic&1 == 1 {
		s.order = binary.BigEndian
	}
	s.size = int(binary.BigEndian.Uint32(head[8:]))
	s.sum = s.checksum([2]uint32{}, head[:24])
	// The header is on disk before the first frame is written: if there is more than it, it must be right.
	if n < walHeader || magic&^1 != walMagic || s.sum != sumAt(head[24:]) || !isPageSize(s.size) {
		info, err := s.file.Stat()
		s.damaged = err == nil && info.Size() > walHeader
		return err
	}
	copy(s.salts[:], head[16:])
	s.frame = make([]byte, frameHeader+s.size)
	s.pages = make(map[uint32]int64)
	return s.scanFrames()
}

func (s *walScanner) scanFrames() error {
	open := make(map[uint32]int64) // of a transaction whose end was not seen yet
	for at := int64(walHeader); ; at += int64(len(s.frame)) {
		ours, good, err := s.next(at)
		if err != nil {
			return err
		}
		if !ours || !good {
			return s.lookBehind(at)
		}
		open[binary.BigEndian.Uint32(s.frame)] = at + frameHeader
		if binary.BigEndian.Uint32(s.frame[4:]) != 0 { // the last frame of its transaction
			for page, place := range open {
				s.pages[page] = place
			}
			clear(open)
		}
	}
}

// next reads the frame at a place: ours says that it belongs to this log, good that it follows the one before.
func (s *walScanner) next(at int64) (ours, good bool, err error) {
	n, err := s.file.ReadAt(s.frame, at)
	if err != nil && err != io.EOF {
		return false, false, err
	}
	if n < len(s.frame) || [8]byte(s.frame[8:16]) != s.salts || binary.BigEndian.Uint32(s.frame) == 0 {
		return false, false, nil
	}
	sum := s.checksum(s.checksum(s.sum, s.frame[:8]), s.frame[frameHeader:])
	s.sum = sumAt(s.frame[16:])
	return true, sum == s.sum, nil
}

// lookBehind looks at what lies behind the first frame that is not good. The rest of a transaction that was cut short by a crash is
// as it should be. But a transaction begins only once the one before it is on disk: a frame that follows the end of a transaction
// shows that what is before was good once.
func (s *walScanner) lookBehind(at int64) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	ended := false
	for ; at+int64(len(s.frame)) <= info.Size(); at += int64(len(s.frame)) {
		ours, good, err := s.next(at)
		if err != nil {
			return err
		}
		if ended && ours && good {
			s.damaged = true
			return nil
		}
		ended = ours && binary.BigEndian.Uint32(s.frame[4:]) != 0
		s.sum = sumAt(s.frame[16:])
	}
	return nil
}

// checksum goes on with a checksum of the log.
func (s *walScanner) checksum(sum [2]uint32, data []byte) [2]uint32 {
	a, b := sum[0], sum[1]
	for i := 0; i+8 <= len(data); i += 8 {
		a += s.order.Uint32(data[i:]) + b
		b += s.order.Uint32(data[i+4:]) + a
	}
	return [2]uint32{a, b}
}

func sumAt(data []byte) [2]uint32 {
	return [2]uint32{binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])}
}

// isPageSize says whether SQLite has pages of that size.
func isPageSize(n int) bool { return n >= 512 && n <= 65536 && n&(n-1) == 0 }
