package simulator

import (
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
)

// A dialed is the agent's end of a connection.
type dialed struct {
	a        *agent
	conn     *conn
	end      *end
	said     time.Duration // when Hello was sent, by the host's clock
	welcomed bool
	pings    map[int64]time.Duration
	last     int64
	told     map[wire.Claim]*told
}

// told is what the server was told of a job in this session.
type told struct {
	accepted bool
	at       time.Duration
	revision int64
}

// dial connects, and says Hello.
func (a *agent) dial() {
	if a.session != nil {
		return
	}
	again := func() {
		a.failed++
		limit := min(30*time.Second, 500*time.Millisecond<<min(a.failed, 10))
		a.after(a.w.between(500*time.Millisecond, limit), a.dial)
	}
	s, l := a.w.server, &a.h.link
	if !s.on || s.asleep || l.blocked[up] || l.blocked[down] {
		a.after(a.w.between(0, 5*time.Second), again)
		return
	}
	d := &dialed{a: a, said: a.h.clock(), pings: map[int64]time.Duration{}, told: map[wire.Claim]*told{}}
	hello := a.hello(d)
	server := &end{via: &s.machine, lost: func(string) {}}
	d.end = &end{via: &a.h.machine, hear: d.hear}
	d.end.lost = func(why string) {
		if a.h.agent != a || a.session != d {
			return
		}
		a.w.say(a.h.name, "the session ends: %s", why)
		a.session = nil
		again()
	}
	c := a.w.connect(l, server, d.end)
	d.conn = c
	server.hear = func(m any) {
		if first, ok := m.(wire.Hello); ok {
			s.hello(c, server, first)
		}
	}
	a.session = d
	c.send(up, hello, false)
}

func (a *agent) hello(d *dialed) wire.Hello {
	m := wire.Hello{
		Agent: a.h.name, Instance: a.instance, Name: a.h.name, BootID: fmt.Sprintf("%s-%d", a.h.name, a.h.boots),
		Status: wire.Status{Capacity: capacity, Problem: a.problem()},
	}
	for _, j := range a.jobs {
		if phase, say := j.hold.Held(); say {
			m.Jobs = append(m.Jobs, wire.Held{Claim: j.claim, Phase: phase})
			d.told[j.claim] = &told{accepted: true, at: d.said}
		}
	}
	for _, e := range a.kept {
		m.Kept = append(m.Kept, e.claim)
	}
	return m
}

// hear takes in what the server says.
func (d *dialed) hear(m any) {
	a := d.a
	if a.h.agent != a || a.session != d {
		return
	}
	switch m := m.(type) {
	case wire.Welcome:
		a.failed = 0
		if d.welcomed {
			return
		}
		d.welcomed = true
		for _, v := range m.Verdicts {
			a.obey(v)
		}
		for _, j := range a.jobs {
			j.announce()
		}
		d.ping()
		a.flush()
	case wire.Refused:
		d.end.open = false
		a.session = nil
		a.after(time.Duration(m.RetryAfter), a.dial)
	case wire.Offer:
		a.take(m)
	case wire.Start:
		if j, t := a.job(m.Claim), d.told[m.Claim]; j != nil && t != nil {
			j.do(j.hold.Start(t.at, time.Duration(m.Valid), a.h.clock()))
		}
	case wire.Cancel:
		if j := a.job(m.Claim); j != nil {
			j.do(j.hold.Cancel(protocol.LevelOf(true, m.Hard)))
		}
	case wire.Stale:
		if j := a.job(m.Claim); j != nil {
			j.do(j.hold.Discard())
		}
	case wire.Pong:
		d.hearPong(m)
	case wire.Reported:
		if j := a.job(m.Claim); j != nil {
			j.hearReported(m)
		}
	case wire.LogAck, wire.LogRewind, wire.LogDiverged:
		a.hearLog(m)
	}
	if a.h.agent == a {
		a.flush()
	}
}

func (a *agent) obey(v wire.Verdict) {
	j := a.job(v.Claim)
	switch {
	case v.Do == wire.DoRecall && j == nil:
		a.recall(v.Claim)
	case j == nil:
	case v.Do == wire.DoStop:
		j.do(j.hold.Cancel(protocol.LevelOf(true, v.Hard)))
	case v.Do == wire.DoDiscard:
		j.do(j.hold.Discard())
	}
}

// ping says which jobs there are, and does so again.
func (d *dialed) ping() {
	a := d.a
	if a.session != d {
		return
	}
	d.last++
	d.pings[d.last] = a.h.clock()
	m := wire.Ping{Seq: d.last}
	for _, j := range a.jobs {
		if _, say := j.hold.Held(); say {
			m.Jobs = append(m.Jobs, j.claim)
		}
	}
	d.conn.send(up, m, false)
	a.after(a.w.terms.Ping(), d.ping)
}

func (d *dialed) hearPong(m wire.Pong) {
	a := d.a
	sent, known := d.pings[m.Seq]
	if !known {
		return
	}
	if a.w.broken.renewFromReceipt {
		sent = a.h.clock()
	}
	for _, want := range m.Jobs {
		j := a.job(want.Claim)
		switch {
		case j == nil:
		case want.Stale:
			j.do(j.hold.Discard())
		default:
			if j.hold.Renew(sent, time.Duration(want.Valid)) {
				j.renewed()
			}
			j.do(j.hold.Cancel(protocol.LevelOf(want.Cancel, want.Hard)))
		}
	}
}

// flush says what this session was not told yet.
func (a *agent) flush() {
	d := a.session
	if d == nil || !d.welcomed {
		return
	}
	for _, j := range slices.Clone(a.jobs) {
		if _, say := j.hold.Held(); !say {
			continue
		}
		t := d.told[j.claim]
		if t == nil {
			t = &told{}
			d.told[j.claim] = t
		}
		if !t.accepted {
			t.accepted, t.at = true, a.h.clock()
			d.conn.send(up, wire.Accept{Claim: j.claim}, false)
			a.point("after_accept_send")
		}
		if t.revision < j.report.Revision {
			t.revision = j.report.Revision
			d.conn.send(up, j.report, false)
		}
		j.ship(d)
	}
}
