package simulator

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// hear takes in a message of an agent that said Hello.
func (ses *session) hear(m any) {
	if ses.over {
		return
	}
	switch m := m.(type) {
	case wire.Ping:
		ses.hearPing(m)
	case wire.Accept:
		ses.hearAccept(m.Claim)
	case wire.Decline:
		if g := ses.grant(m.Claim); g != nil {
			ses.drop(m.Claim)
			move := protocol.Return
			if g.Running {
				move = protocol.Lose
			}
			ses.s.move(move, ses.agent, m.Claim, "declined")
		}
	case wire.Report:
		ses.hearReport(m)
	case wire.LogOpen:
		ses.hearOpen(m)
	case wire.LogData:
		ses.hearData(m)
	}
}

// hello takes in an agent's first message.
func (s *server) hello(c *conn, end *end, m wire.Hello) {
	ruling := s.roster.Call(protocol.Caller{Agent: m.Agent, Instance: m.Instance, Boot: m.BootID, Host: m.Name}, s.clock())
	if ruling.Refused != "" {
		s.w.say("server", "refuses %s: %s", m.Agent, ruling.Refused)
		c.send(down, wire.Refused{Reason: ruling.Refused, RetryAfter: plan.Duration(ruling.RetryAfter)}, false)
		return
	}
	ses := &session{s: s, agent: m.Agent, instance: m.Instance, number: s.w.store.welcome(m.Agent), conn: c, end: end, sure: m.Problem == "", streams: map[uint32]*inbound{}}
	if older := s.session(m.Agent); older != nil {
		older.leave()
		older.conn.close(older.end, "a newer session took over")
	}
	end.lost = func(why string) {
		s.w.say("server", "session %d of %s ends: %s", ses.number, ses.agent, why)
		ses.leave()
	}
	end.hear = ses.hear
	s.sessions = append(s.sessions, ses)
	slices.SortFunc(s.sessions, func(a, b *session) int { return cmp.Compare(a.agent, b.agent) })
	ses.welcome(m)
}

// leave ends what the session leaves behind: offers that were not accepted go back.
func (ses *session) leave() {
	if ses.over {
		return
	}
	ses.over = true
	ses.s.sessions = slices.DeleteFunc(ses.s.sessions, func(other *session) bool { return other == ses })
	for _, g := range ses.holds {
		if !g.Running {
			ses.s.move(protocol.Return, ses.agent, g.claim, "the session ended")
		}
	}
}

func (ses *session) welcome(m wire.Hello) {
	s := ses.s
	answer := wire.Welcome{Session: ses.number, Fence: plan.Duration(s.w.terms.Fence), Suspect: plan.Duration(s.w.terms.Suspect)}
	var starts []wire.Start
	named := map[wire.Claim]bool{}
	for _, held := range m.Jobs {
		named[held.Claim] = true
		s.heard[held.Claim] = s.clock()
		v, move := protocol.Judge(ses.agent, held, s.w.store.standing(ses.agent, held.Claim))
		if !s.move(move, ses.agent, held.Claim, "hello") {
			v = wire.Verdict{Claim: held.Claim, Do: wire.DoDiscard}
		}
		s.point("after_running_tx")
		if v.Do != wire.DoDiscard {
			g := &grant{claim: held.Claim, Grant: protocol.Grant{Running: true}}
			if v.Do == wire.DoStop {
				g.Tell(protocol.LevelOf(true, v.Hard))
			}
			ses.holds = append(ses.holds, g)
		}
		if v.Do == wire.DoContinue && held.Phase == wire.PhaseAccepted {
			starts = append(starts, wire.Start{Claim: held.Claim, Valid: s.w.terms.Valid(s.w.store.standing(ses.agent, held.Claim))})
		}
		answer.Verdicts = append(answer.Verdicts, v)
	}
	for _, kept := range m.Kept {
		v, move, wanted := protocol.JudgeKept(ses.agent, kept, s.w.store.standing(ses.agent, kept))
		if wanted && s.move(move, ses.agent, kept, "kept") {
			named[kept] = true
			s.heard[kept] = s.clock()
			ses.holds = append(ses.holds, &grant{claim: kept, Grant: protocol.Grant{Running: true}})
			answer.Verdicts = append(answer.Verdicts, v)
		}
	}
	for _, r := range s.w.store.held(ses.agent) {
		if !named[r.claim()] {
			s.move(protocol.Absent(s.w.store.standing(ses.agent, r.claim()), ses.sure), ses.agent, r.claim(), "absent")
		}
	}
	s.w.say("server", "welcomes %s: %v", ses.agent, answer.Verdicts)
	ses.send(answer)
	for _, start := range starts {
		ses.send(start)
	}
}

func (ses *session) hearPing(m wire.Ping) {
	s := ses.s
	s.roster.Heard(ses.agent, ses.instance, s.clock())
	answer := wire.Pong{Seq: m.Seq}
	for _, c := range m.Jobs {
		s.heard[c] = s.clock()
		g := ses.grant(c)
		answer.Jobs = append(answer.Jobs, s.w.terms.Desire(ses.agent, c, s.w.store.standing(ses.agent, c), g != nil && g.Concluding))
	}
	for _, g := range slices.Clone(ses.holds) {
		if g.Listed(m.Seq, slices.Contains(m.Jobs, g.claim)) {
			ses.drop(g.claim)
			s.move(protocol.Lose, ses.agent, g.claim, "dropped")
		}
	}
	ses.send(answer)
}

func (ses *session) hearAccept(c wire.Claim) {
	s := ses.s
	s.heard[c] = s.clock()
	g := ses.grant(c)
	if g == nil || s.w.check.guarded(c, false, func() error { return s.w.store.accept(c) }) != nil {
		ses.stale(c)
		return
	}
	s.w.say("server", "%d#%d runs on %s", c.Run, c.Epoch, ses.agent)
	g.Running = true
	s.point("after_running_tx")
	ses.send(wire.Start{Claim: c, Valid: s.w.terms.Valid(s.w.store.standing(ses.agent, c))})
}

func (ses *session) hearReport(m wire.Report) {
	s := ses.s
	g := ses.grant(m.Claim)
	if g == nil {
		ses.send(wire.Stale{Claim: m.Claim})
		return
	}
	if m.Result != "" {
		if ses.missing(m) {
			ses.send(wire.Reported{Claim: m.Claim, Revision: m.Revision, Missing: true})
			return
		}
		g.Concluding = true
	}
	err := s.w.check.guarded(m.Claim, false, func() error { return s.w.store.report(ses.agent, m.Claim, m.Revision, m.Result) })
	if err != nil {
		s.w.say("server", "refuses the report on %d#%d: %v", m.Run, m.Epoch, err)
		ses.stale(m.Claim)
		return
	}
	if m.Result != "" {
		s.w.say("server", "%d#%d ended: %s", m.Run, m.Epoch, m.Result)
		s.w.check.concluded(m)
		ses.drop(m.Claim)
	}
	s.point("after_result_tx")
	ses.send(wire.Reported{Claim: m.Claim, Revision: m.Revision, Final: m.Result != ""})
}

// missing finishes the logs of a job that ended, and says whether bytes are missing that may still come.
func (ses *session) missing(m wire.Report) bool {
	missing := false
	for _, a := range m.Activities {
		if a.State != plan.Done || a.LogSHA256 == "" && a.LogIncomplete == "" {
			continue
		}
		log := ses.s.w.logs.log(logID{m.Claim, a.Name})
		switch {
		case log.finished || log.incomplete != "":
		case int64(log.durable) == a.LogBytes && sum(log.data[:log.durable]) == a.LogSHA256:
			log.finished = true
		case a.LogIncomplete != "":
			log.incomplete = a.LogIncomplete
		case int64(log.durable) < a.LogBytes:
			missing = true
		default:
			log.incomplete = "it is not the agent's"
		}
	}
	return missing && !ses.s.w.broken.resultBeforeLogs
}

func sum(data []byte) string { return fmt.Sprintf("%d:%s", len(data), bytes.Clone(data)) }

func (ses *session) hearOpen(m wire.LogOpen) {
	if ses.grant(m.Claim) == nil {
		ses.send(wire.Stale{Claim: m.Claim})
		return
	}
	id := logID{m.Claim, m.Activity}
	ses.streams[m.Stream] = &inbound{id: id}
	ses.acknowledge(m.Stream, ses.s.w.logs.log(id).durable)
}

func (ses *session) hearData(m wire.LogData) {
	st := ses.streams[m.Stream]
	if st == nil || ses.grant(st.id.claim) == nil {
		return
	}
	w := ses.s.w
	gap, diverged := w.logs.append(st.id, int(m.Offset), m.Payload)
	log := w.logs.log(st.id)
	switch {
	case gap:
		ses.conn.send(down, wire.LogRewind{Stream: m.Stream, Length: int64(len(log.data))}, true)
		return
	case diverged:
		w.say("server", "%s is not what the agent has from %d on", st.id, m.Offset)
		log.incomplete = "diverged"
		ses.conn.send(down, wire.LogDiverged{Stream: m.Stream, At: m.Offset}, true)
		return
	}
	w.check.received(st.id)
	if w.broken.ackEarly {
		ses.acknowledge(m.Stream, len(log.data))
	}
	if st.dirty {
		return
	}
	st.dirty = true
	ses.s.point("after_write_before_fsync")
	ses.s.after(w.between(time.Millisecond, 500*time.Millisecond), func() {
		st.dirty = false
		if ses.over {
			return
		}
		log.durable = len(log.data)
		ses.s.point("after_fsync_before_ack")
		ses.acknowledge(m.Stream, log.durable)
	})
}

func (ses *session) acknowledge(stream uint32, length int) {
	log := ses.s.w.logs.log(ses.streams[stream].id)
	log.acked = max(log.acked, length)
	ses.conn.send(down, wire.LogAck{Stream: stream, Length: int64(length)}, true)
}
