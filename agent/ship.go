package agent

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A shipper brings logs from the spool to the server. It knows which bytes the server has on disk, and starts from there on
// each new connection.
type shipper struct {
	wake chan struct{} // filled when there may be something to send

	mu      sync.Mutex // guards all below, and the streams' fields
	streams []*stream
	turn    int           // whose turn it is
	last    uint32        // number that was given to a stream last
	pace    *pace         // of the connection
	silence time.Duration // see silentPings
	news    chan struct{} // closed and replaced when the server said something about a stream
}

func newShipper() *shipper {
	return &shipper{pace: newPace(), silence: silentPings * wire.PingInterval, wake: make(chan struct{}, 1), news: make(chan struct{})}
}

func (s *shipper) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // the sender will look anyway
	}
}

// add takes up a log. Its wrote must be told of each growth.
func (s *shipper) add(st *stream) {
	s.mu.Lock()
	s.last++
	st.number = s.last
	s.streams = append(s.streams, st)
	s.mu.Unlock()
	s.poke()
}

// wrote says how far a log came. It may be called from anywhere and never blocks.
func (s *shipper) wrote(st *stream, logEnd, marksEnd int64) {
	st.marksEnd.Store(marksEnd)
	st.logEnd.Store(logEnd)
	s.poke()
}

// addWhole takes up a log that has all its bytes already. The server may have them too, and be faster to say so than
// complete after add.
func (s *shipper) addWhole(st *stream, logEnd, marksEnd int64) {
	st.marksEnd.Store(marksEnd)
	st.logEnd.Store(logEnd)
	st.complete = true // nobody else knows st yet
	s.add(st)
}

// complete says that a log has all its bytes.
func (s *shipper) complete(st *stream, logEnd, marksEnd int64) {
	s.wrote(st, logEnd, marksEnd)
	s.mu.Lock()
	defer s.mu.Unlock()
	st.complete = true
	s.tell()
}

// fail says that no more can be sent of a log than is known of it by now.
func (s *shipper) fail(st *stream, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.broken = why.Error()
	st.rest()
	s.tell()
}

// failOpen fails the logs of a job that nobody will complete any more.
func (s *shipper) failOpen(c wire.Claim, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		if st.claim == c && !st.complete && st.broken == "" {
			st.broken = why
			st.rest()
		}
	}
	s.tell()
}

// reopen asks the server again how much it has of the logs of a job.
func (s *shipper) reopen(c wire.Claim) {
	s.mu.Lock()
	for _, st := range s.streams {
		if st.claim == c {
			st.announced, st.opened, st.acked = false, false, -1
			s.pace.forget(st.number)
		}
	}
	s.mu.Unlock()
	s.poke()
}

// drop forgets the logs of a job.
func (s *shipper) drop(c wire.Claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams = slices.DeleteFunc(s.streams, func(st *stream) bool {
		if st.claim == c {
			st.rest()
		}
		return st.claim == c
	})
}

// settle waits until the server has all logs of a job that can be sent, and answers by activity why others cannot.
func (s *shipper) settle(ctx context.Context, c wire.Claim) (broken map[string]string, err error) {
	for {
		s.mu.Lock()
		broken, open, news := make(map[string]string), false, s.news
		for _, st := range s.streams {
			if st.claim != c {
				continue
			}
			open = open || !st.settled()
			if st.broken != "" {
				broken[st.activity] = st.broken
			}
		}
		s.mu.Unlock()
		if !open {
			return broken, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tell wakes who waits in settle. The caller holds mu.
func (s *shipper) tell() {
	close(s.news)
	s.news = make(chan struct{})
}
