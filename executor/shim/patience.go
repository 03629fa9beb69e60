package shim

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// FullLimit is how long a process waits for space on the disk of its log.
const FullLimit = 10 * time.Minute

const (
	firstRetry = 200 * time.Millisecond
	maxRetry   = 2 * time.Second
	hurryLimit = 2 * time.Second // for a disk that is full when the process was killed
)

// patience writes to a disk that may be full for a while.
type patience struct {
	limit time.Duration       // 0: it has none
	tell  func(reason string) // told when the waiting begins and, with "", when it is over
	waits atomic.Int64        // counts them

	hurry    chan struct{} // closed when nobody is left who would wait
	hurryOne sync.Once
}

// Wait makes Write wait for space while the disk is full, up to a limit without any progress. tell is told why when that
// begins, and "" when the writing goes on; it is called by who writes. Wait comes before the first Write.
func (s *Spool) Wait(limit time.Duration, tell func(reason string)) {
	s.patience.limit, s.patience.tell = limit, tell
}

// Waits answers how often Write has waited for space.
func (s *Spool) Waits() int64 { return s.patience.waits.Load() }

// Hurry says that the process was killed: what does not fit soon is given up.
func (s *Spool) Hurry() { s.patience.hurryOne.Do(func() { close(s.patience.hurry) }) }

// write writes p. Of a write that fails as well it answers how much of p is written.
func (w *patience) write(to io.Writer, p []byte) (int, error) {
	n, err := to.Write(p)
	switch {
	case err == nil:
		return n, nil
	case w.limit == 0, !full(err):
		return n, plain(err)
	}
	return w.insist(to, p, n, err)
}

// insist goes on with p behind its first n bytes, again and again.
func (w *patience) insist(to io.Writer, p []byte, n int, err error) (int, error) {
	w.waits.Add(1)
	w.tell(plain(err).Error())
	limit, hurry := w.limit, w.hurry
	end := time.NewTimer(limit)
	defer end.Stop()
	for pause := firstRetry; ; pause = min(2*pause, maxRetry) {
		select {
		case <-time.After(pause):
		case <-hurry:
			hurry, limit, pause = nil, hurryLimit, firstRetry
			end.Reset(limit)
		case <-end.C:
			return n, fmt.Errorf("the agent's disk was full for %s: %w", limit, plain(err))
		}
		more, again := to.Write(p[n:])
		n += more
		if again == nil {
			w.tell("")
			return n, nil
		}
		if err = again; !full(err) {
			return n, plain(err)
		}
		if more > 0 && hurry != nil {
			end.Reset(limit)
		}
	}
}

// full says whether an error may be over when somebody has made space.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// plain answers the kernel's words alone: here the files have no names that mean anything.
func plain(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
