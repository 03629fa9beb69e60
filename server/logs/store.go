package logs

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/tutti-ci/tutti/server"
)

// maxOpen bounds the logs whose files are kept open for writing, four each.
const maxOpen = 64

// A Store is a folder of logs. Its methods may be called from any goroutine.
type Store struct {
	dir  string
	bell bell

	// Trap is called at named points where tests let the process fail; nil is fine. Set it before the first use.
	Trap func(point string) error

	mu      sync.Mutex // guards the three below
	writers map[server.LogID]*list.Element
	recent  *list.List              // of *entry, the one used last in front
	damage  map[server.LogID]damage // of finished logs, as far as it was found
}

// An entry is a writer among those that the store knows.
type entry struct {
	id   server.LogID
	w    *writer
	open bool // may have open files
}

// Open answers the store in dir, which it makes if need be.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the log store: %w", err)
	}
	return &Store{dir: dir, writers: make(map[server.LogID]*list.Element), recent: list.New(), damage: make(map[server.LogID]damage)}, nil
}

// Close makes every log durable as far as it came.
func (s *Store) Close() error {
	s.mu.Lock()
	var all []*writer
	for e := s.recent.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*entry).w)
	}
	s.mu.Unlock()
	var errs []error
	for _, w := range all {
		_, err := w.sync()
		errs = append(errs, err, w.release())
	}
	return errors.Join(errs...)
}

// Append puts data at offset off of a log, and may be told the same twice: bytes that the log holds already are compared
// and skipped. It answers the new end; with a *server.LogGapError, server.ErrLogDiverged, server.ErrLogFinished or a failure
// to write, the end as it is. Marks that lie within the log are kept with it. The bytes can be read at once, but see Sync.
func (s *Store) Append(id server.LogID, off int64, data, marks []byte) (end int64, err error) {
	err = s.with(id, func(w *writer) error {
		end, err = w.append(off, data, marks)
		return err
	})
	if err == nil {
		s.bell.ring(id)
	}
	return end, err
}

// Sync makes what was appended to a log before the call durable, and answers how many bytes are. Calls at the same time
// share the work.
func (s *Store) Sync(id server.LogID) (end int64, err error) {
	err = s.with(id, func(w *writer) error {
		end, err = w.sync()
		return err
	})
	return end, err
}

// Length answers how many bytes of a log are durable: 0 if there is none.
func (s *Store) Length(id server.LogID) (int64, error) {
	v, err := s.view(id)
	return v.durable, err
}

// Finish says that a log has this length and this SHA-256 (hex), and that nothing will be added. It answers a *server.LogMissingError
// if bytes are still to come, a *server.LogMismatchError if they never can, and nil if the log is complete, now or since long.
func (s *Store) Finish(id server.LogID, length int64, sha256 string) error {
	return s.finish(id, final{Bytes: length, SHA256: sha256})
}

// Abandon says that nothing will be added to a log, and why it is not complete. A finished log stays as it is.
func (s *Store) Abandon(id server.LogID, why string) error {
	return s.finish(id, final{Incomplete: why})
}

// AbandonJob abandons the logs of one try at a job that are not finished.
func (s *Store) AbandonJob(run server.RunID, job string, epoch int64, why string) error {
	probe := server.LogID{Run: run, Job: job, Epoch: epoch, Activity: "x"}
	dir, err := folder(s.dir, probe)
	if err != nil {
		return err
	}
	found, err := os.ReadDir(filepath.Dir(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for the logs of run %d, job %s: %w", run, job, err)
	}
	var errs []error
	for _, each := range found {
		activity, ok := activityOf(each.Name(), epoch)
		if !ok {
			continue
		}
		if err := s.Abandon(server.LogID{Run: run, Job: job, Epoch: epoch, Activity: activity}, why); err != nil {
			errs = append(errs, fmt.Errorf("closing log %s of %s: %w", strconv.Quote(activity), job, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Store) finish(id server.LogID, f final) error {
	err := s.with(id, func(w *writer) error { return w.finish(f) })
	if err == nil {
		s.bell.ring(id)
	}
	return err
}

// with does something with the writer of a log, and forgets it once the log is finished.
func (s *Store) with(id server.LogID, do func(*writer) error) error {
	w, err := s.writer(id)
	if err != nil {
		return err
	}
	err = do(w)
	done, closing := w.finished()
	if done {
		s.forget(id, w)
	}
	if closing != nil {
		err = errors.Join(err, fmt.Errorf("closing a log: %w", closing))
	}
	return err
}

// writer answers the one writer of a log, and puts those to rest that were not used for long.
func (s *Store) writer(id server.LogID) (*writer, error) {
	dir, err := folder(s.dir, id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	e := s.writers[id]
	if e == nil {
		e = s.recent.PushFront(&entry{id: id, w: &writer{dir: dir, trap: s.trap}})
		s.writers[id] = e
	}
	s.recent.MoveToFront(e)
	e.Value.(*entry).open = true
	idle := s.idle()
	s.mu.Unlock()
	if idle != nil {
		if err := idle.release(); err != nil {
			return nil, fmt.Errorf("closing a log: %w", err)
		}
	}
	return e.Value.(*entry).w, nil
}

// idle picks the writer whose files should be closed, if there are too many open. One call opens at most one writer, so
// closing one is enough.
func (s *Store) idle() *writer {
	open, last := 0, (*entry)(nil)
	for e := s.recent.Front(); e != nil; e = e.Next() {
		each := e.Value.(*entry)
		if !each.open {
			break // those behind rest as well
		}
		open, last = open+1, each
	}
	if open <= maxOpen {
		return nil
	}
	last.open = false
	return last.w
}

func (s *Store) trap(point string) error {
	if s.Trap == nil {
		return nil
	}
	return s.Trap(point)
}

func (s *Store) forget(id server.LogID, w *writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.writers[id]; e != nil && e.Value.(*entry).w == w {
		delete(s.writers, id)
		s.recent.Remove(e)
	}
}
