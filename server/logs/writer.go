package logs

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"path/filepath"
	"sync"

	"github.com/tutti-ci/tutti/server"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameSize is the size of one record of frames.
const frameSize = 16

// A writer is the growing end of one log.
type writer struct {
	dir string

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
	marks   int64 // length of the file
	marked  int64 // end of the last mark
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
	if len(data) == 0 {
		return w.end, nil
	}
	if w.final != nil {
		return w.end, server.ErrLogFinished
	}
	return w.end, w.add(data, marks)
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
func (w *writer) add(data, marks []byte) error {
	if _, err := w.files.log.WriteAt(data, w.end); err != nil {
		// What did get written is not part of the log, and the next try writes over it.
		return fmt.Errorf("writing to the log: %w", err)
	}
	w.crc = crc32.Update(w.crc, castagnoli, data)
	w.sum.Write(data) // never fails, says package hash
	w.index.add(data, w.end)
	w.end += int64(len(data))
	if err := w.index.flush(w.files.lines); err != nil {
		return err
	}
	part, marked := fresh(marks, w.marked, w.end)
	if len(part) == 0 {
		return nil
	}
	if _, err := w.files.marks.WriteAt(part, w.marks); err != nil {
		return fmt.Errorf("writing marks: %w", err)
	}
	w.marks, w.marked = w.marks+int64(len(part)), marked
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
	// Frames and bytes may reach the disk in any order: a frame whose bytes did not is recognised by its CRC.
	if err := files.commit(); err != nil {
		return 0, errors.Join(fmt.Errorf("syncing the log: %w", err), w.distrust())
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
	return together(syncDir, w.dir, job, run, filepath.Dir(run))
}

func encodeFrame(end int64, crc uint32) []byte {
	rec := make([]byte, 0, frameSize)
	rec = binary.LittleEndian.AppendUint64(rec, uint64(end))
	rec = binary.LittleEndian.AppendUint32(rec, crc)
	return binary.LittleEndian.AppendUint32(rec, crc32.Checksum(rec, castagnoli))
}

// finish is Store.Finish, and with a reason why it is incomplete Store.Abandon.
func (w *writer) finish(want final) error {
	for {
		if _, err := w.sync(); err != nil {
			return err
		}
		if again, err := w.conclude(want); !again || err != nil {
			return err
		}
	}
}

// conclude writes the last word, unless bytes came in between and have to be synced first.
func (w *writer) conclude(want final) (again bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.open(); err != nil {
		return false, err
	}
	have := w.summary()
	if want.Incomplete == "" {
		switch {
		case have.Bytes < want.Bytes && w.final == nil:
			return false, &server.LogMissingError{Have: have.Bytes, Want: want.Bytes}
		case have.Bytes != want.Bytes || have.SHA256 != want.SHA256:
			return false, &server.LogMismatchError{Have: have.Bytes, Want: want.Bytes, HaveSHA256: have.SHA256, WantSHA256: want.SHA256}
		}
	}
	if w.final != nil || w.durable != w.end {
		return w.final == nil, nil
	}
	have.Incomplete = want.Incomplete
	if w.end == 0 {
		// No frame was ever written, and so the folder's name not yet synced.
		if err := w.syncFolders(); err != nil {
			return false, err
		}
	}
	if err := w.files.sync(); err != nil {
		return false, fmt.Errorf("syncing the log: %w", err)
	}
	if err := have.write(w.dir); err != nil {
		return false, err
	}
	w.final = &have
	return false, nil
}

// summary is what a final would say now.
func (w *writer) summary() final {
	if w.final != nil {
		return *w.final
	}
	return final{Bytes: w.end, Lines: w.index.count(), SHA256: hex.EncodeToString(w.sum.Sum(nil))}
}

// finished says whether nothing will be added. It closes the files then.
func (w *writer) finished() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.final == nil {
		return false, nil
	}
	return true, w.rest()
}

// distrust has everything read from disk again: after a failed sync nobody knows what is there.
func (w *writer) distrust() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready = false
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
