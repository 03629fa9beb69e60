package logs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"

	"github.com/tutti-ci/tutti/server"
)

// A damage is what was found of a finished log that is not as it was written.
type damage struct {
	at    int64 // all before is good
	lines int64 // there
}

// foundDamage notes damage. From now on the log ends where it begins. A log that grows is read from disk again: its damaged part is
// cut off, and the agent sends it once more.
func (s *Store) foundDamage(id server.LogID, v view, at int64) {
	if !v.finished {
		s.mu.Lock()
		e := s.writers[id]
		s.mu.Unlock()
		if e != nil {
			_ = e.Value.(*entry).w.distrustAll() // what it closes was only read
		}
		return
	}
	var index lineIndex
	if f, err := v.open("log"); err == nil {
		defer f.Close() // only read
		buf := make([]byte, 256<<10)
		for pos := int64(0); pos < at; {
			n, err := f.ReadAt(buf[:min(int64(len(buf)), at-pos)], pos)
			index.add(buf[:n], pos)
			index.pending = index.pending[:0]
			if pos += int64(n); err != nil {
				break
			}
		}
	}
	s.mu.Lock()
	s.damage[id] = damage{at: at, lines: index.count()}
	s.mu.Unlock()
	s.bell.ring(id)
}

// reading lets do read a log, and once more if it found damage: the log then ends before.
func (s *Store) reading(id server.LogID, do func(view) error) error {
	var damaged *server.LogDamagedError
	for again := true; ; again = false {
		v, err := s.view(id)
		if err != nil {
			return err
		}
		if err := do(v); !again || !errors.As(err, &damaged) {
			return err
		}
	}
}

// A checkedLog reads the bytes of a log, and answers none that differ from those that were written: each frame that is read from
// is compared with its CRC. What has no frame yet was written by this process a moment ago.
type checkedLog struct {
	v           view
	log, frames *os.File
	count       int64 // of frames
	good, until int64 // this stretch was found to be good
	whole       bool  // all of the log was
}

func (v view) openLog() (*checkedLog, error) {
	log, err := v.open("log")
	if err != nil {
		return nil, err
	}
	frames, err := v.open("frames")
	if err != nil {
		log.Close() // only read
		return nil, err
	}
	info, err := frames.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a log: %w", err), log.Close(), frames.Close())
	}
	return &checkedLog{v: v, log: log, frames: frames, count: info.Size() / frameSize}, nil
}

// Close closes its files.
func (c *checkedLog) Close() error { return errors.Join(c.log.Close(), c.frames.Close()) }

// ReadAt implements io.ReaderAt. Where bytes are damaged it answers those before, and a *server.LogDamagedError.
func (c *checkedLog) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.log.ReadAt(p, off)
	if n < len(p) && off+int64(n) < c.v.bytes && err == io.EOF { // it is shorter than it was
		err = io.ErrUnexpectedEOF
	}
	want := min(off+int64(len(p)), c.v.bytes)
	at, failed := c.check(off, want)
	if failed != nil {
		return 0, failed
	}
	if at < want {
		c.v.damaged(at)
		return max(0, int(min(at, off+int64(n))-off)), &server.LogDamagedError{At: at}
	}
	return n, err
}

// check compares the frames of a stretch, and answers up to where all is good.
func (c *checkedLog) check(from, to int64) (int64, error) {
	for !c.whole && to > from {
		if c.good <= from && from < c.until {
			from = c.until
			continue
		}
		begin, end, crc, ok, err := c.frameOf(from)
		if err != nil {
			return 0, err
		}
		if !ok {
			return c.checkAll(begin, to)
		}
		if end == 0 {
			return to, nil // it has no frame yet
		}
		same, err := c.compare(begin, end, crc)
		if err != nil || !same {
			return begin, err
		}
		if begin != c.until {
			c.good = begin
		}
		c.until, from = end, end
	}
	return to, nil
}

// frameOf finds the frame of an offset; end is 0 if it has none yet. It answers false, and where the last good one ends, if the
// frames do not tell.
func (c *checkedLog) frameOf(off int64) (begin, end int64, crc uint32, ok bool, err error) {
	ok = true
	record := func(i int64) (end int64, crc uint32) {
		var rec [frameSize]byte
		if _, e := c.frames.ReadAt(rec[:], i*frameSize); e != nil && err == nil {
			err = fmt.Errorf("reading frames: %w", e)
		}
		ok = ok && frameIsWhole(rec[:])
		return int64(binary.LittleEndian.Uint64(rec[:])), binary.LittleEndian.Uint32(rec[8:])
	}
	i := int64(sort.Search(int(c.count), func(i int) bool {
		end, _ := record(int64(i))
		return end > off
	}))
	if i > 0 {
		begin, _ = record(i - 1)
	}
	if i < c.count {
		end, crc = record(i)
	}
	if err != nil {
		return 0, 0, 0, false, err
	}
	if ok && i == c.count && c.v.finished {
		ok = false // a finished log has a frame for each byte
	}
	if !ok {
		begin = 0
	}
	return begin, end, crc, ok, nil
}

// compare says whether a stretch of the log has that CRC.
func (c *checkedLog) compare(begin, end int64, crc uint32) (bool, error) {
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, io.NewSectionReader(c.log, begin, end-begin))
	if err != nil {
		return false, fmt.Errorf("checking a log: %w", err)
	}
	return n == end-begin && sum.Sum32() == crc, nil
}

// checkAll does without frames: all of a finished log has to have its SHA-256. Else it counts as damaged from where the frames
// cannot be relied on.
func (c *checkedLog) checkAll(from, to int64) (int64, error) {
	if c.v.finished {
		sum := sha256.New()
		n, err := io.Copy(sum, io.NewSectionReader(c.log, 0, c.v.bytes))
		if err != nil {
			return 0, fmt.Errorf("checking a log: %w", err)
		}
		if n == c.v.bytes && hex.EncodeToString(sum.Sum(nil)) == c.v.sha256 {
			c.whole = true
			return to, nil
		}
	}
	_, end, err := goodFrames(c.frames, c.log, c.v.bytes)
	return max(from, end), err
}
