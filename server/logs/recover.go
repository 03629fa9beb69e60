package logs

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"syscall"
)

// recover finds out what is durable, cuts off what is not, and takes up counting and hashing where it was left.
func (w *writer) recover() error {
	last, damaged, err := readFinal(w.dir)
	if err != nil {
		return err
	}
	w.sum = sha256.New()
	w.index, w.waiting = lineIndex{}, nil
	if last != nil {
		w.final, w.end, w.durable, w.framed = last, last.Bytes, last.Bytes, last.Bytes
		return nil
	}
	limit := int64(math.MaxInt64)
	if w.suspect {
		limit = w.durable
	}
	frames, end, err := goodFrames(w.files.frames, w.files.log, limit)
	if err != nil {
		return err
	}
	if limit == math.MaxInt64 {
		if w.lost, err = lastEnd(w.files.frames); err != nil {
			return err
		}
	}
	if w.marks, w.marked, err = goodMarks(w.files.marks, end); err != nil {
		return err
	}
	if err := w.cut(frames, end); err != nil {
		return err
	}
	if err := w.recount(end); err != nil {
		return err
	}
	// A frame that was written may not have been synced before the process ended.
	if err := w.files.sync(); err != nil {
		return fmt.Errorf("syncing the log: %w", err)
	}
	w.end, w.durable, w.framed, w.crc, w.suspect = end, end, end, 0, false
	if damaged {
		return w.refinish()
	}
	return nil
}

func (w *writer) cut(frames, end int64) error {
	err := errors.Join(
		w.files.log.Truncate(end),
		w.files.frames.Truncate(frames),
		w.files.marks.Truncate(w.marks),
		w.files.lines.Truncate(0),
	)
	if err != nil {
		return fmt.Errorf("cutting off what was not acknowledged: %w", err)
	}
	return nil
}

// recount hashes and indexes the bytes up to end.
func (w *writer) recount(end int64) error {
	buf := make([]byte, 256<<10)
	for pos := int64(0); pos < end; {
		n := min(int64(len(buf)), end-pos)
		if _, err := w.files.log.ReadAt(buf[:n], pos); err != nil {
			return fmt.Errorf("reading the log again: %w", err)
		}
		w.sum.Write(buf[:n])
		w.index.add(buf[:n], pos)
		pos += n
	}
	// On a full disk the index has to wait. The log can be read without, if slowly.
	if err := w.index.flush(w.files.lines); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// goodFrames answers the length of frames, and with it that of the log, up to the first record that is torn, does not fit its
// bytes, or ends behind limit.
func goodFrames(frames, log *os.File, limit int64) (length, end int64, err error) {
	records := bufio.NewReader(io.NewSectionReader(frames, 0, 1<<62))
	bytes := bufio.NewReaderSize(io.NewSectionReader(log, 0, 1<<62), 256<<10)
	var rec [frameSize]byte
	for {
		_, err := io.ReadFull(records, rec[:])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return length, end, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("reading frames: %w", err)
		}
		next := int64(binary.LittleEndian.Uint64(rec[:]))
		if !frameIsWhole(rec[:]) || next <= end || next > limit {
			return length, end, nil
		}
		sum := crc32.New(castagnoli)
		_, err = io.CopyN(sum, bytes, next-end)
		if err == io.EOF || err == nil && sum.Sum32() != binary.LittleEndian.Uint32(rec[8:]) {
			return length, end, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("reading the log: %w", err)
		}
		length, end = length+frameSize, next
	}
}

// frameIsWhole says whether a record of frames is as it was written.
func frameIsWhole(rec []byte) bool {
	return crc32.Checksum(rec[:12], castagnoli) == binary.LittleEndian.Uint32(rec[12:])
}

// lastEnd answers the length of the log that any of the frames speaks of.
func lastEnd(frames *os.File) (end int64, err error) {
	records := bufio.NewReader(io.NewSectionReader(frames, 0, 1<<62))
	var rec [frameSize]byte
	for {
		_, err := io.ReadFull(records, rec[:])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return end, nil
		}
		if err != nil {
			return 0, fmt.Errorf("reading frames: %w", err)
		}
		if frameIsWhole(rec[:]) {
			end = max(end, int64(binary.LittleEndian.Uint64(rec[:])))
		}
	}
}

// goodMarks answers the length of marks up to the first that is torn or does not belong to the log's first end bytes.
func goodMarks(marks *os.File, end int64) (length, last int64, err error) {
	records := bufio.NewReader(io.NewSectionReader(marks, 0, 1<<62))
	var rec [markSize]byte
	for {
		_, err := io.ReadFull(records, rec[:])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return length, last, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("reading marks: %w", err)
		}
		m := decodeMark(rec[:])
		if m.end <= last || m.end > end {
			return length, last, nil
		}
		length, last = length+markSize, m.end
	}
}
