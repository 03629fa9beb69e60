package agent

import (
	"context"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// receive does what the server says.
func (s *session) receive(ctx context.Context) error {
	for {
		e, err := s.control.Receive()
		if err != nil {
			return err
		}
		known, err := s.hear(ctx, e)
		if err == nil && !known {
			err = s.control.Send(wire.Unsupported{Kind: e.Kind})
		}
		if err != nil {
			return err
		}
	}
}

// hear takes in one message. Any of them may come twice, late, or behind one that was sent after it. What it says of a job that
// the agent does not hold does not matter.
func (s *session) hear(ctx context.Context, e wire.Envelope) (known bool, err error) {
	switch e.Kind {
	case wire.KindOffer:
		return true, with(e, func(m *wire.Offer) { s.w.take(ctx, *m) })
	case wire.KindStart:
		return true, with(e, func(m *wire.Start) { s.hearStart(*m) })
	case wire.KindReported:
		return true, with(e, func(m *wire.Reported) { s.hearReported(*m) })
	case wire.KindCancel:
		return true, with(e, func(m *wire.Cancel) { s.w.cancel(m.Claim, m.Reason, m.Hard) })
	case wire.KindAnswer:
		return true, with(e, func(m *wire.Answer) { s.w.tell(m.Claim, func(j *job) { j.answered(*m) }) })
	case wire.KindStale:
		return true, with(e, func(m *wire.Stale) { s.w.discard(m.Claim) })
	case wire.KindPong:
		return true, with(e, func(m *wire.Pong) { s.hearPong(*m) })
	case wire.KindUnsupported:
		return true, with(e, func(m *wire.Unsupported) { s.w.log.Warn("the server does not know a message", "kind", m.Kind) })
	}
	return false, nil
}

// hearStart begins a job whose Accept, or Hello, was said in this session: its lease counts from then.
func (s *session) hearStart(m wire.Start) {
	if said, ok := s.pump.saidAt(m.Claim); ok {
		s.w.start(m.Claim, said, time.Duration(m.Valid))
	}
}

func (s *session) hearReported(m wire.Reported) {
	s.pump.reported(m.Claim, m.Revision)
	s.w.tell(m.Claim, func(j *job) { j.reported(m) })
}

// hearPong does what the server says of each job, and renews the leases that it grants: from when the ping was sent that it answers.
func (s *session) hearPong(m wire.Pong) {
	sent, ok := s.pump.pingAt(m.Seq)
	for _, d := range m.Jobs {
		if d.Stale {
			s.w.discard(d.Claim)
			continue
		}
		if d.Cancel {
			s.w.cancel(d.Claim, d.Reason, d.Hard)
		}
		if ok && d.Valid > 0 {
			s.w.renew(d.Claim, sent, time.Duration(d.Valid))
		}
	}
}

func (w *worker) tell(c wire.Claim, what func(*job)) {
	if j := w.job(c); j != nil {
		what(j)
	}
}

// with reads the body of e and does something with it.
func with[M any, P interface {
	*M
	wire.Message
}](e wire.Envelope, do func(*M)) error {
	var m M
	if err := e.Into(P(&m)); err != nil {
		return err
	}
	do(&m)
	return nil
}
