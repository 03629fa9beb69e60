package logs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"path/filepath"
	"sync"

	"github.com/tutti-ci/tutti/server"

	"github.com/tutti-ci/tutti/server/durable"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameSize is the size of one record of frames.
const frameSize = 16

// A writer is the growing end of one log.
type writer struct {
	dir  string
	trap func(point string) error

	// commit lets one goroutine sync at a time; who waits for it mostly finds the work done. It is taken before mu.
	commit sync.Mutex

	mu      sync.Mutex // guards all below
	ready   bool       // what follows was read from disk
	files   *files     // nil while they are closed, which the store does to those that rest
	final   *final     // set once nothing will be added
	end     int64      // bytes that may be read
	durable int64      // bytes that survive a crash
	framed  int64      // where the last frame ends
	crc     uint32     // of the bytes since then
	sum     hash.Hash  // of all bytes
	index   lineIndex
	marks   int64  // length of the file
	marked  int64  // end of the last mark, in the file or waiting
	waiting []byte // marks that are not in the file yet
	// suspect says that a sync failed: of what lies behind durable nobody knows whether the disk has it, whatever can be read.
	suspect bool
	// lost is where the log ended once, if bytes of it were found to be damaged.
	lost int64
}

// append is Store.Append.
func (w *writer) append(off int64, data, marks []byte) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.open(); err != nil {
		return 0, err
	}
	if off < 0 || off > w.end {
		return w.end, &server.LogGapError{End: w.end}
	}
	if again := min(w.end-off, int64(len(data))); again > 0 {
		if err := w.compare(off, data[:again]); err != nil {
			return w.end, err
		}
		data = data[again:]
	}
	if w.final != nil {
		if len(data) == 0 {
			return w.end, nil
		}
		return w.end, server.ErrLogFinished
	}
	if len(data) > 0 {
		if err := w.add(data); err != nil {
			return w.end, err
		}
	}
	w.mark(marks)
	return w.end, w.flush()
}

// compare answers server.ErrLogDiverged unless data lies at off already.
func (w *writer) compare(off int64, data []byte) error {
	buf := make([]byte, min(len(data), 64<<10))
	for len(data) > 0 {
		n := min(len(buf), len(data))
		if _, err := w.files.log.ReadAt(buf[:n], off); err != nil {
			return fmt.Errorf("comparing with the log: %w", err)
		}
		if !bytes.Equal(buf[:n], data[:n]) {
			return server.ErrLogDiverged
		}
		data, off = data[n:], off+int64(n)
	}
	return nil
}

// add writes data at the end.
func (w *writer) add(data []byte) error {
	if _, err := w.files.log.WriteAt(data, w.end); err != nil {
		// What did get written is not part of the log, and the next try writes over it.
		return fmt.Errorf("writing to the log: %w", err)
	}
	w.crc = crc32.Update(w.crc, castagnoli, data)
	w.sum.Write(data) // never fails, says package hash
	w.index.add(data, w.end)
	w.end += int64(len(data))
	return nil
}

// mark takes marks in that are news.
func (w *writer) mark(marks []byte) {
	part, marked := fresh(marks, w.marked, w.end)
	w.waiting, w.marked = append(w.waiting, part...), marked
}

// flush writes what is known of the log beside its bytes. What cannot be written stays for the next time.
func (w *writer) flush() error {
	if err := w.index.flush(w.files.lines); err != nil {
		return err
	}
	if len(w.waiting) == 0 {
		return nil
	}
	if _, err := w.files.marks.WriteAt(w.waiting, w.marks); err != nil {
		return fmt.Errorf("writing marks: %w", err)
	}
	w.marks, w.waiting = w.marks+int64(len(w.waiting)), w.waiting[:0]
	return nil
}

// sync is Store.Sync.
func (w *writer) sync() (int64, error) {
	w.commit.Lock()
	defer w.commit.Unlock()
	files, end, err := w.frame()
	if files == nil || err != nil {
		return end, err
	}
	if err := w.trap("logs.after_write_before_fsync"); err != nil {
		return 0, err
	}
	// Frames and bytes may reach the disk in any order: a frame whose bytes did not is recognised by its CRC.
	if err := files.commit(); err != nil {
		return 0, errors.Join(fmt.Errorf("syncing the log: %w", err), w.distrust())
	}
	if err := w.trap("logs.after_fsync_before_ack"); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.durable = end
	return end, nil
}

// frame writes the record of a commit. It answers the files that have to be synced to make it one, or nil.
func (w *writer) frame() (*files, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.open(); err != nil {
		return nil, 0, err
	}
	if w.durable == w.end {
		return nil, w.end, nil
	}
	if w.framed == 0 {
		if err := w.syncFolders(); err != nil {
			return nil, 0, err
		}
	}
	if w.framed < w.end {
		info, err := w.files.frames.Stat()
		if err != nil {
			return nil, 0, fmt.Errorf("writing a frame: %w", err)
		}
		at := info.Size() - info.Size()%frameSize
		if _, err := w.files.frames.WriteAt(encodeFrame(w.end, w.crc), at); err != nil {
			return nil, 0, fmt.Errorf("writing a frame: %w", err)
		}
		w.framed, w.crc = w.end, 0
	}
	return w.files, w.end, nil
}

// syncFolders makes the new folder of a log durable, with those that it may have brought into being above it.
func (w *writer) syncFolders() error {
	job := filepath.Dir(w.dir)
	run := filepath.Dir(job)
	return together(durable.Sync, w.dir, job, run, filepath.Dir(run))
}

func encodeFrame(end int64, crc uint32) []byte {
	rec := make([]byte, 0, frameSize)
	rec = binary.LittleEndian.AppendUint64(rec, uint64(end))
	rec = binary.LittleEndian.AppendUint32(rec, crc)
	return binary.LittleEndian.AppendUint32(rec, crc32.Checksum(rec, castagnoli))
}

// distrust has everything read from disk again: after a failed sync nobody knows what is there.
func (w *writer) distrust() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doubt()
}

// distrustAll is distrust of what is durable as well: its frames tell what is good.
func (w *writer) distrustAll() error {
	w.commit.Lock() // whoever syncs has the files in hand
	defer w.commit.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready = false
	return w.rest()
}

// doubt is distrust for who holds the lock. What was not durable is written again: the system may have it in its memory and not on the
// disk, and think that it has been written.
func (w *writer) doubt() error {
	w.ready, w.suspect = false, true
	return w.rest()
}

// release closes the files until they are needed again.
func (w *writer) release() error {
	w.commit.Lock() // whoever syncs has the files in hand
	defer w.commit.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rest()
}

func (w *writer) rest() error {
	if w.files == nil {
		return nil
	}
	err := w.files.close()
	w.files = nil
	return err
}

// snapshot answers what readers may see.
func (w *writer) snapshot() (view, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ready {
		if err := w.open(); err != nil {
			return view{}, err
		}
	}
	v := view{dir: w.dir, bytes: w.end, lines: w.index.count(), durable: w.durable}
	if w.final != nil {
		v = viewOf(w.dir, w.final)
	}
	return v, nil
}

// open makes the writer ready and its files open.
func (w *writer) open() error {
	if w.files == nil {
		files, err := openFiles(w.dir)
		if err != nil {
			return err
		}
		w.files = files
	}
	if w.ready {
		return nil
	}
	if err := w.recover(); err != nil {
		return errors.Join(err, w.rest())
	}
	w.ready = true
	return nil
}
