package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tutti-ci/tutti/server"
)

// A view is what a reader may see of a log at one moment. Bytes in it never change.
type view struct {
	dir            string
	bytes, durable int64
	lines          int64
	finished       bool
	sha256         string // of a finished one
	incomplete     string
	damaged        func(at int64) // told of damage that is found
}

func viewOf(dir string, f *final) view {
	return view{dir: dir, bytes: f.Bytes, durable: f.Bytes, lines: f.Lines, finished: true, sha256: f.SHA256, incomplete: f.Incomplete}
}

// view answers what there is to read of a log: nothing, if there is none.
func (s *Store) view(id server.LogID) (view, error) {
	v, err := s.wholeView(id)
	v.damaged = func(at int64) { s.foundDamage(id, v, at) }
	s.mu.Lock()
	d, damaged := s.damage[id]
	s.mu.Unlock()
	if damaged && d.at < v.bytes {
		v.bytes, v.durable, v.lines, v.finished = d.at, d.at, d.lines, true
		v.incomplete = (&server.LogDamagedError{At: d.at}).Error()
	}
	return v, err
}

// wholeView answers what there is of a log, less what is known of its bytes.
func (s *Store) wholeView(id server.LogID) (view, error) {
	dir, err := folder(s.dir, id)
	if err != nil {
		return view{}, err
	}
	s.mu.Lock()
	known := s.writers[id] != nil
	s.mu.Unlock()
	if !known {
		f, _, err := readFinal(dir)
		if err != nil {
			return view{}, err
		}
		if f != nil {
			return viewOf(dir, f), nil
		}
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return view{dir: dir}, nil
		}
	}
	var v view
	err = s.with(id, func(w *writer) error {
		v, err = w.snapshot()
		return err
	})
	return v, err
}

// open answers one of the files of a log.
func (v view) open(name string) (*os.File, error) {
	file, err := os.Open(filepath.Join(v.dir, name))
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	return file, nil
}

// Info says how much of a log there is. A log that nobody wrote to yet has nothing.
func (s *Store) Info(id server.LogID) (server.LogInfo, error) {
	v, err := s.view(id)
	return server.LogInfo{Bytes: v.bytes, Lines: v.lines, Finished: v.finished, Incomplete: v.incomplete}, err
}

// A Reader reads a log as far as it came when the Reader was made.
type Reader struct {
	*io.SectionReader
	log *checkedLog // nil for a log that is not there
}

// Close gives the Reader's file back.
func (r *Reader) Close() error {
	if r.log == nil {
		return nil
	}
	return r.log.Close()
}

// Reader opens a log for reading by range. The caller closes it.
func (s *Store) Reader(id server.LogID) (*Reader, error) {
	v, err := s.view(id)
	if err != nil {
		return nil, err
	}
	if v.bytes == 0 {
		return &Reader{SectionReader: io.NewSectionReader(nothing{}, 0, 0)}, nil
	}
	log, err := v.openLog()
	if err != nil {
		return nil, err
	}
	return &Reader{SectionReader: io.NewSectionReader(log, 0, v.bytes), log: log}, nil
}

// nothing is the content of a log that is not there.
type nothing struct{}

func (nothing) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

// Listen answers a channel that is filled whenever a log grew or was finished since it was last emptied. The log need not
// be there yet.
func (s *Store) Listen(id server.LogID) (heard <-chan struct{}, stop func()) {
	return s.bell.listen(id)
}

// Follow writes a log to w from offset from on, what is there and what is added, until it is finished or ctx ends. It
// waits for a log that is not there yet, so a caller that does not know whether there will be one bounds ctx.
func (s *Store) Follow(ctx context.Context, id server.LogID, from int64, w io.Writer) error {
	heard, stop := s.Listen(id)
	defer stop()
	for {
		v, err := s.view(id)
		if err != nil {
			return err
		}
		if from < v.bytes {
			if err := copyRange(w, v, from); err != nil {
				return err
			}
			from = v.bytes
		}
		if v.finished {
			return nil
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// copyRange writes what v has from offset from on. The file is opened each time: most logs that are followed rest.
func copyRange(w io.Writer, v view, from int64) error {
	file, err := v.openLog()
	if err != nil {
		return err
	}
	defer file.Close() // only read
	if _, err := io.Copy(w, io.NewSectionReader(file, from, v.bytes-from)); err != nil {
		return fmt.Errorf("following a log: %w", err)
	}
	return nil
}
