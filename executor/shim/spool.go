package shim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"
)

// A Spool appends what a process writes to the log of its activity, with a Mark for each stretch. It is safe for use by
// the readers of stdout and stderr at once.
type Spool struct {
	log, marks io.Writer
	began      time.Time
	patience   patience

	order sync.Mutex // held by who writes, for as long as that takes; guards what follows
	hash  hash.Hash
	last  byte  // of the log
	limit int64 // 0 is none
	room  int64 // until here a log with a limit takes everything
	tail  *tail // of a log that is over room

	mu      sync.Mutex // held for a moment only, so that nobody who looks waits for a disk; guards what follows
	end     int64
	markEnd int64
	missing int64 // bytes that came after err
	omitted int64
	err     error
}

// NewSpool answers a spool on two empty files. Times in its marks count from began.
func NewSpool(log, marks io.Writer, began time.Time) *Spool {
	return &Spool{log: log, marks: marks, began: began, patience: patience{hurry: make(chan struct{})}, hash: sha256.New()}
}

// ContinueSpool answers a spool that goes on behind what the two files hold, if anything. Both are open for reading as
// well, and append.
func ContinueSpool(log, marks *os.File, began time.Time) (*Spool, error) {
	s := NewSpool(log, marks, began)
	ends, err := marks.Stat()
	if err != nil {
		return nil, fmt.Errorf("going on with the log: %w", err)
	}
	whole, err := log.Stat()
	if err != nil {
		return nil, fmt.Errorf("going on with the log: %w", err)
	}
	if whole.Size() == 0 && ends.Size() == 0 {
		return s, nil
	}
	if s.end, err = io.Copy(s.hash, io.NewSectionReader(log, 0, whole.Size())); err != nil {
		return nil, fmt.Errorf("going on with the log: %w", err)
	}
	if s.end > 0 {
		last := make([]byte, 1)
		if _, err := log.ReadAt(last, s.end-1); err != nil {
			return nil, fmt.Errorf("going on with the log: %w", err)
		}
		s.last = last[0]
	}
	// Whoever died while he wrote may have left half a mark.
	s.markEnd = ends.Size() - ends.Size()%MarkSize
	if s.markEnd < ends.Size() {
		if err := marks.Truncate(s.markEnd); err != nil {
			return nil, fmt.Errorf("going on with the log's marks: %w", err)
		}
	}
	return s, nil
}

// Write appends p, which came on stderr or else on stdout. While the disk is full it waits, see Wait. After an error
// nothing more is written: the spool then holds exactly what Ends and Sum say.
func (s *Spool) Write(stderr bool, p []byte) error {
	s.order.Lock()
	defer s.order.Unlock()
	if s.limit == 0 || s.tail == nil && s.end+int64(len(p)) <= s.room {
		return s.put(stderr, time.Since(s.began), p)
	}
	return s.overflow(stderr, p)
}

// put writes p with its mark. Only who holds order changes end and err, and may read them.
func (s *Spool) put(stderr bool, at time.Duration, p []byte) error {
	if s.err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.missing += int64(len(p))
		return s.err
	}
	n, err := s.patience.write(s.log, p)
	marked := 0
	if n > 0 {
		s.hash.Write(p[:n])
		s.last = p[n-1]
		mark := Mark{End: s.end + int64(n), At: at, Stderr: stderr}.Append(nil)
		var markErr error
		if marked, markErr = s.patience.write(s.marks, mark); err == nil {
			err = markErr
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end += int64(n)
	s.missing += int64(len(p) - n)
	if marked == MarkSize {
		s.markEnd += MarkSize
	}
	if err != nil {
		s.err = fmt.Errorf("writing the log: %w", err)
	}
	return s.err
}

// Ends answers the lengths of the log and of the marks. It never waits for a disk.
func (s *Spool) Ends() (log, marks int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end, s.markEnd
}

// Sum answers the SHA-256 of the log so far, in hex.
func (s *Spool) Sum() string {
	s.order.Lock()
	defer s.order.Unlock()
	return hex.EncodeToString(s.hash.Sum(nil))
}

// Err answers what stopped the spool, if anything did, and how many of the bytes that came are therefore missing.
func (s *Spool) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil && s.missing > 0 {
		return fmt.Errorf("%w; %d bytes of it are missing", s.err, s.missing)
	}
	return s.err
}
