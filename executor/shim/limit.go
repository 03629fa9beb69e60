package shim

import (
	"bytes"
	"fmt"
	"time"
)

const (
	maxTail = 1 << 20
	// Beyond its limit a log keeps whole lines, unless one is longer than this.
	longLine = 64 << 10
)

// Limit bounds the log: what comes beyond most bytes is left out, but for the last of it, which Finish writes, at most 1 MiB
// and a quarter of the limit. Limit comes before the first Write; 0 is no limit.
func (s *Spool) Limit(most int64) {
	s.limit = most
	s.room = most - tailSize(most)
}

func tailSize(limit int64) int64 { return min(maxTail, (limit+3)/4) }

// overflow takes in what goes beyond room. Who has written into the tail once never writes into the log again until Finish.
func (s *Spool) overflow(stderr bool, p []byte) error {
	at := time.Since(s.began)
	if s.tail == nil {
		s.tail = newTail(int(tailSize(s.limit)))
		head := int(max(0, s.room-s.end))
		if line := bytes.LastIndexByte(p[:head], '\n'); line >= 0 && head-line <= longLine {
			head = line + 1
		}
		if head > 0 {
			if err := s.put(stderr, at, p[:head]); err != nil {
				return s.put(stderr, at, p[head:]) // counted as missing
			}
		}
		p = p[head:]
	}
	if s.err != nil {
		return s.put(stderr, at, p)
	}
	s.tail.add(stderr, at, p)
	return nil
}

// Finish says that nothing more comes: the end of a log that is over its limit is written now, behind a line that says what
// is missing before it.
func (s *Spool) Finish() error {
	s.order.Lock()
	defer s.order.Unlock()
	if s.tail == nil {
		return s.err
	}
	tail := s.tail
	s.tail = nil
	from := tail.from()
	if from > 0 {
		s.mu.Lock()
		s.omitted += from
		s.mu.Unlock()
		line := fmt.Sprintf("[tutti: %d bytes left out here: the log is limited to %s (--log-limit)]\n", from, size(s.limit))
		if s.last != '\n' && s.end > 0 {
			line = "\n" + line
		}
		if s.err == nil {
			_ = s.put(false, tail.at(), []byte(line)) // s.err keeps it, and what is put next is missing
		}
	}
	tail.each(from, func(stderr bool, at time.Duration, p []byte) { _ = s.put(stderr, at, p) })
	return s.err
}

// Omitted answers how many bytes this spool left out because of its limit. Those of a spool that it continues are not counted.
func (s *Spool) Omitted() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.omitted
}

// size answers "4 GiB" and the like.
func size(n int64) string {
	for _, unit := range []struct {
		bits int
		name string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n >= 1<<unit.bits && n%(1<<unit.bits) == 0 {
			return fmt.Sprintf("%d %s", n>>unit.bits, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
