package simulator

import (
	"slices"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A stream is a log on its way to the server.
type stream struct {
	j         *job
	id        logID
	number    uint32
	complete  bool
	announced bool
	opened    bool
	sent      int
	acked     int
	failed    string
	in        *dialed // the session that announced and the rest is of
}

const (
	window = 300
	piece  = 60
)

func (s *stream) end() int { return len(s.j.a.h.file(s.id).data) }

func (s *stream) settled() bool { return s.failed != "" || s.complete && s.acked >= s.end() }

// watchLog takes up a log.
func (j *job) watchLog(id logID) *stream {
	for _, st := range j.streams {
		if st.id == id {
			return st
		}
	}
	j.a.h.file(id)
	st := &stream{j: j, id: id, number: uint32(j.a.w.rng.IntN(1 << 30)), acked: -1}
	j.streams = append(j.streams, st)
	return st
}

// grew says that a log has more bytes.
func (a *agent) grew(id logID) {
	if j := a.job(id.claim); j != nil && a.session != nil && a.session.welcomed {
		j.ship(a.session)
	}
}

// announce has the server asked, in a new session, what it has.
func (j *job) announce() {
	for _, st := range j.streams {
		st.announced, st.opened = false, false
	}
}

// ship sends what may be sent.
func (j *job) ship(d *dialed) {
	for _, st := range j.streams {
		if st.in != d {
			st.in, st.announced, st.opened = d, false, false
		}
		if st.settled() {
			continue
		}
		if !st.announced {
			st.announced = true
			d.conn.send(up, wire.LogOpen{Stream: st.number, Claim: j.claim, Activity: st.id.activity}, true)
		}
		for st.opened && st.sent < st.end() && st.sent-st.acked < window {
			n := min(piece, st.end()-st.sent)
			data := slices.Clone(j.a.h.file(st.id).data[st.sent : st.sent+n])
			d.conn.send(up, wire.LogData{Stream: st.number, Offset: int64(st.sent), Payload: data}, true)
			st.sent += n
		}
	}
}

// hearLog takes in what the server says of a log.
func (a *agent) hearLog(m any) {
	switch m := m.(type) {
	case wire.LogAck:
		if st := a.stream(m.Stream); st != nil {
			st.ack(int(m.Length))
			st.j.settle()
		}
	case wire.LogRewind:
		if st := a.stream(m.Stream); st != nil {
			st.rewind(int(m.Length))
			st.j.settle()
		}
	case wire.LogDiverged:
		if st := a.stream(m.Stream); st != nil {
			st.failed = "diverged"
			st.j.settle()
		}
	}
}

func (a *agent) stream(number uint32) *stream {
	for _, j := range a.jobs {
		for _, st := range j.streams {
			if st.number == number {
				return st
			}
		}
	}
	return nil
}

func (s *stream) ack(length int) {
	if !s.opened {
		s.rewind(length)
		return
	}
	if length > s.acked {
		s.acked = min(length, s.sent)
	}
}

func (s *stream) rewind(length int) {
	s.opened = true
	s.sent, s.acked = length, length
	if length > s.end() {
		s.failed = "the server has more than the spool"
	}
}
