package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"golang.org/x/sync/errgroup"
)

// silentPings is how many pings long the server may say nothing of a log that waits for its word. Then what was said last did
// not arrive, and the log is announced again.
const silentPings = 4

// run ships over one connection until that breaks or ctx ends. It pings as often as every says.
func (s *shipper) run(ctx context.Context, conn *wire.Logs, every time.Duration) error {
	s.mu.Lock()
	s.pace, s.silence = newPace(), silentPings*every
	for _, st := range s.streams {
		st.announced, st.opened, st.heldUntil = false, false, time.Time{}
	}
	s.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { conn.Close(wire.CloseNormal, "") })
	defer stop()
	group.Go(func() error { return s.send(ctx, conn, every) })
	group.Go(func() error { return s.receive(conn) })
	return group.Wait()
}

func (s *shipper) send(ctx context.Context, conn *wire.Logs, every time.Duration) error {
	ping := time.NewTicker(every)
	defer ping.Stop()
	hold := time.NewTimer(0)
	defer hold.Stop()
	buf := newPiece()
	for {
		frame, pause := s.next(buf, time.Now())
		if frame != nil {
			if err := s.sendFrame(conn, frame); err != nil {
				return err
			}
			continue
		}
		hold.Reset(pause)
		select {
		case <-s.wake:
		case <-hold.C:
		case <-ping.C:
			if err := conn.Ping(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sendFrame sends a frame. If the link takes it up only slowly, that is news of its own.
func (s *shipper) sendFrame(conn *wire.Logs, frame wire.LogFrame) error {
	began := time.Now()
	if err := conn.Send(frame); err != nil {
		return err
	}
	if data, ok := frame.(wire.LogData); ok {
		if took := time.Since(began); took > slow {
			s.mu.Lock()
			s.pace.measured(int64(len(data.Payload)), took)
			s.mu.Unlock()
		}
	}
	return nil
}

// next answers the frame to send now; or nothing, and when to look again at the latest. The streams take turns.
func (s *shipper) next(buf *piece, now time.Time) (frame wire.LogFrame, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pause = s.silence
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
		if held := st.heldUntil.Sub(now); held > 0 {
			pause = min(pause, held)
			continue
		}
		if !st.announced || st.waits() && now.Sub(st.heard) >= s.silence {
			st.announced, st.opened, st.heard = true, false, now
			s.pace.forget(st.number)
			return wire.LogOpen{Stream: st.number, Claim: st.claim, Activity: st.activity}, 0
		}
		if n := s.room(st, underWay); n > 0 {
			if frame := s.take(st, buf, n, now); frame != nil {
				s.pace.sending(st.number, st.sent, underWay+st.sent-frame.Offset, now)
				return *frame, 0
			}
		}
	}
	return nil, pause
}

// room answers how many bytes of the stream may be sent in one frame now. The caller holds mu.
func (s *shipper) room(st *stream, underWay int64) int {
	if !st.opened {
		return 0
	}
	return int(max(0, min(st.logEnd.Load()-st.sent, s.pace.frame(), wire.Window-(st.sent-st.acked), s.pace.limit-underWay)))
}

// take makes a frame of the next n bytes of a stream. A spool that cannot be read ends the stream. The caller holds mu.
func (s *shipper) take(st *stream, buf *piece, n int, now time.Time) *wire.LogData {
	data, err := st.read(buf, st.sent, n)
	if err != nil {
		st.broken = err.Error()
		s.tell()
		return nil
	}
	if !st.waits() {
		st.heard = now // from now on it does
	}
	st.sent += int64(len(data.Payload))
	return &data
}

func (s *shipper) receive(conn *wire.Logs) error {
	for {
		frame, err := conn.Receive()
		if err != nil {
			return err
		}
		if err := s.hear(frame, time.Now()); err != nil {
			return err
		}
		s.poke()
	}
}

// hear takes in what the server says of a stream; of one that was dropped it does not matter.
func (s *shipper) hear(frame wire.LogFrame, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.tell()
	switch f := frame.(type) {
	case wire.LogAck:
		if st := s.stream(f.Stream, now); st != nil {
			st.ack(f.Length)
			s.pace.acked(f.Stream, f.Length, now)
		}
	case wire.LogRewind:
		if st := s.stream(f.Stream, now); st != nil && st.opened {
			st.rewind(f.Length)
			s.pace.forget(f.Stream)
		}
	case wire.LogDiverged:
		if st := s.stream(f.Stream, now); st != nil {
			st.broken = fmt.Sprintf("the server has other bytes than the agent from %d on", f.At)
			st.rest()
		}
	case wire.LogHold:
		if st := s.stream(f.Stream, now); st != nil {
			st.announced, st.opened, st.heldUntil = false, false, now.Add(min(f.Pause, maxHold))
			s.pace.forget(f.Stream)
		}
	default:
		return errors.New("the server sent a frame that only agents send")
	}
	return nil
}

// maxHold bounds how long a log waits for a server that could not store it.
const maxHold = time.Minute

// stream answers the stream that something is heard of, if the agent still has it. The caller holds mu.
func (s *shipper) stream(number uint32, now time.Time) *stream {
	for _, st := range s.streams {
		if st.number == number {
			st.heard = now
			return st
		}
	}
	return nil
}

// ack takes in an acknowledgement; the first one after an announcement says where to begin.
func (st *stream) ack(length int64) {
	switch {
	case !st.announced: // it is about what was announced before
		return
	case !st.opened:
		st.rewind(length)
	case length > st.acked:
		st.acked = min(length, st.sent)
	}
	if st.settled() {
		st.rest()
	}
}
