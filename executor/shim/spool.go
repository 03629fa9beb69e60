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

	mu      sync.Mutex // guards what follows, and the order of the two files
	hash    hash.Hash
	end     int64
	markEnd int64
	err     error
}

// NewSpool answers a spool on two empty files. Times in its marks count from began.
func NewSpool(log, marks io.Writer, began time.Time) *Spool {
	return &Spool{log: log, marks: marks, began: began, hash: sha256.New()}
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
	// Whoever died while he wrote may have left half a mark.
	s.markEnd = ends.Size() - ends.Size()%MarkSize
	if s.markEnd < ends.Size() {
		if err := marks.Truncate(s.markEnd); err != nil {
			return nil, fmt.Errorf("going on with the log's marks: %w", err)
		}
	}
	return s, nil
}

// Write appends p, which came on stderr or else on stdout. After an error nothing more is written: the spool then holds
// exactly what Ends and Sum say.
func (s *Spool) Write(stderr bool, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	n, err := s.log.Write(p)
	if n > 0 {
		s.hash.Write(p[:n])
		s.end += int64(n)
		mark := Mark{End: s.end, At: time.Since(s.began), Stderr: stderr}
		if _, markErr := s.marks.Write(mark.Append(nil)); markErr != nil && err == nil {
			err = markErr
		} else if markErr == nil {
			s.markEnd += MarkSize
		}
	}
	if err != nil {
		s.err = fmt.Errorf("writing the log: %w", err)
	}
	return s.err
}

// Ends answers the lengths of the log and of the marks.
func (s *Spool) Ends() (log, marks int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end, s.markEnd
}

// Sum answers the SHA-256 of the log so far, in hex.
func (s *Spool) Sum() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return hex.EncodeToString(s.hash.Sum(nil))
}

// Err answers what stopped the spool, if anything did.
func (s *Spool) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
