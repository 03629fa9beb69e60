package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"golang.org/x/sync/errgroup"
)

// A shipper brings logs from the spool to the server. It knows which bytes the server has on disk, and starts from there on
// each new connection.
type shipper struct {
	wake chan struct{} // filled when there may be something to send

	mu      sync.Mutex // guards all below, and the streams' fields
	streams []*stream
	turn    int           // whose turn it is
	last    uint32        // number that was given to a stream last
	news    chan struct{} // closed and replaced when the server said something about a stream
}

func newShipper() *shipper {
	return &shipper{wake: make(chan struct{}, 1), news: make(chan struct{})}
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

// run ships over one connection until that breaks or ctx ends.
func (s *shipper) run(ctx context.Context, conn *wire.Logs) error {
	s.mu.Lock()
	for _, st := range s.streams {
		st.announced, st.opened = false, false
	}
	s.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { conn.Close(wire.CloseNormal, "") })
	defer stop()
	group.Go(func() error { return s.send(ctx, conn) })
	group.Go(func() error { return s.receive(conn) })
	return group.Wait()
}

func (s *shipper) send(ctx context.Context, conn *wire.Logs) error {
	ping := time.NewTicker(wire.PingInterval)
	defer ping.Stop()
	buf := newPiece()
	for {
		frame := s.next(buf)
		if frame != nil {
			if err := conn.Send(frame); err != nil {
				return err
			}
			continue
		}
		select {
		case <-s.wake:
		case <-ping.C:
			if err := conn.Ping(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next answers the frame to send now, or nothing. The streams take turns.
func (s *shipper) next(buf *piece) wire.LogFrame {
	s.mu.Lock()
	defer s.mu.Unlock()
	underWay := int64(0)
	for _, st := range s.streams {
		if st.opened {
			underWay += st.sent - st.acked
		}
	}
	for range s.streams {
		s.turn = (s.turn + 1) % len(s.streams)
		st := s.streams[s.turn]
		if st.settled() {
			continue
		}
		if !st.announced {
			st.announced = true
			return wire.LogOpen{Stream: st.number, Claim: st.claim, Activity: st.activity}
		}
		if n := st.room(underWay); n > 0 {
			if frame := s.take(st, buf, n); frame != nil {
				return frame
			}
		}
	}
	return nil
}

// room answers how many bytes of the stream may be sent in one frame now.
func (st *stream) room(underWay int64) int {
	if !st.opened {
		return 0
	}
	return int(max(0, min(st.logEnd.Load()-st.sent, wire.MaxPayload, wire.Window-(st.sent-st.acked), wire.AgentWindow-underWay)))
}

// take makes a frame of the next n bytes of a stream. A spool that cannot be read ends the stream.
func (s *shipper) take(st *stream, buf *piece, n int) wire.LogFrame {
	data, err := st.read(buf, st.sent, n)
	if err != nil {
		st.broken = err.Error()
		s.tell()
		return nil
	}
	st.sent += int64(len(data.Payload))
	return data
}

func (s *shipper) receive(conn *wire.Logs) error {
	for {
		frame, err := conn.Receive()
		if err != nil {
			return err
		}
		if err := s.hear(frame); err != nil {
			return err
		}
		s.poke()
	}
}

// hear takes in what the server says of a stream; of one that was dropped it does not matter.
func (s *shipper) hear(frame wire.LogFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.tell()
	switch f := frame.(type) {
	case wire.LogAck:
		if st := s.stream(f.Stream); st != nil {
			st.ack(f.Length)
		}
	case wire.LogRewind:
		if st := s.stream(f.Stream); st != nil {
			st.rewind(f.Length)
		}
	case wire.LogDiverged:
		if st := s.stream(f.Stream); st != nil {
			st.broken = fmt.Sprintf("the server has other bytes than the agent from %d on", f.At)
		}
	default:
		return errors.New("the server sent a frame that only agents send")
	}
	return nil
}

func (s *shipper) stream(number uint32) *stream {
	for _, st := range s.streams {
		if st.number == number {
			return st
		}
	}
	return nil
}

// ack takes in an acknowledgement; the first one on a connection says where to begin.
func (st *stream) ack(length int64) {
	if !st.opened {
		st.rewind(length)
	} else if length > st.acked {
		st.acked = min(length, st.sent)
	}
	if st.settled() {
		st.rest()
	}
}
