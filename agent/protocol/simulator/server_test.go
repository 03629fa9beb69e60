package simulator

import (
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
)

// A server is the server's process, and its host. What is in it is lost with it; the world's store and logs are its disk.
type server struct {
	w *world
	machine
	life     int // counts processes
	began    time.Duration
	grants   time.Duration                // by its clock: none before
	sessions []*session                   // of agents, in the order of their names
	heard    map[wire.Claim]time.Duration // when an agent said last that it has a job
	roster   protocol.Roster
	copies   []copied // backups
}

type copied struct {
	store *model
	logs  *logStore
}

// A session is one connection of one agent.
type session struct {
	s        *server
	agent    string
	instance string
	number   int64
	conn     *conn
	end      *end
	holds    []*grant
	streams  map[uint32]*inbound
	sure     bool
	over     bool
}

type grant struct {
	protocol.Grant
	claim     wire.Claim
	offeredAt time.Duration
}

type inbound struct {
	id    logID
	dirty bool
}

const capacity = 4

func newServer(w *world) *server {
	s := &server{w: w, machine: newMachine(w, "server")}
	s.stops = true
	return s
}

// boot starts the server's host, and its process.
func (s *server) boot() {
	s.machine.start()
	s.life++
	s.began = s.clock()
	s.sessions, s.heard, s.roster = nil, map[wire.Claim]time.Duration{}, protocol.Roster{}
	s.grants = 0
	s.w.say("server", "starts")
	s.tick()
}

// crash ends the server's process; with power its host loses what was not synced.
func (s *server) crash(power bool) {
	if !s.on {
		return
	}
	s.w.say("server", "is killed, power loss: %v", power)
	if power {
		s.w.logs.powerLoss()
	}
	s.on = false
	for _, ses := range slices.Clone(s.sessions) {
		ses.end.open = false // nobody says goodbye; the agent's end finds out
		agent := ses.conn.ends[down]
		s.w.after(pick(s.w, 0, s.w.between(0, time.Minute)), func() { ses.conn.drop(agent) })
	}
	s.sessions = nil
}

// point is a moment at which the server may be killed.
func (s *server) point(name string) {
	if s.w.calm || !s.w.chance(s.w.manners.points) {
		return
	}
	s.w.say("server", "at %s…", name)
	s.crash(s.w.chance(0.5))
	s.w.after(s.w.between(time.Second, 3*time.Minute), s.bootAgain)
	panic(killed{})
}

// tick gives up what is silent, and gives out what is free.
func (s *server) tick() {
	for _, r := range s.w.store.held("") {
		heard, offered := max(s.began, s.heard[r.claim()]), s.began
		if g := s.grantOf(r.agent, r.claim()); g != nil {
			offered = max(offered, g.offeredAt)
		}
		terms := s.w.terms
		look := terms.Look(s.w.store.standing(r.agent, r.claim()), s.clock(), heard, offered)
		if s.w.broken.noSlack && r.place == protocol.Running && look.Silent >= terms.Fence {
			look.Move = protocol.Lose
		}
		s.move(look.Move, r.agent, r.claim(), "silence")
	}
	s.giveOut()
	for _, ses := range s.sessions {
		ses.tell()
	}
	s.after(500*time.Millisecond, s.tick)
}

// move does in the store what was decided, and says whether it was still so.
func (s *server) move(m protocol.Move, agent string, c wire.Claim, why string) bool {
	if m == protocol.Stay {
		return true
	}
	err := s.w.check.guarded(c, m == protocol.Take, func() error {
		switch m {
		case protocol.Accept:
			return s.w.store.accept(c)
		case protocol.Return:
			return s.w.store.giveBack(c)
		case protocol.Lose:
			return s.w.store.lose(c)
		}
		return s.w.store.take(agent, c)
	})
	s.w.say("server", "%s %d#%d of %s (%s): %v", m, c.Run, c.Epoch, agent, why, err)
	if err == nil && (m == protocol.Lose || m == protocol.Return) {
		s.w.check.abandoned(c)
		if ses := s.session(agent); ses != nil && !ses.over {
			ses.stale(c)
		}
	}
	return err == nil
}

func (s *server) session(agent string) *session {
	for _, ses := range s.sessions {
		if ses.agent == agent {
			return ses
		}
	}
	return nil
}

func (s *server) grantOf(agent string, c wire.Claim) *grant {
	if ses := s.session(agent); ses != nil {
		return ses.grant(c)
	}
	return nil
}

func (ses *session) grant(c wire.Claim) *grant {
	for _, g := range ses.holds {
		if g.claim == c {
			return g
		}
	}
	return nil
}

func (ses *session) drop(c wire.Claim) {
	ses.holds = slices.DeleteFunc(ses.holds, func(g *grant) bool { return g.claim == c })
}

// giveOut offers what is queued to whoever has room.
func (s *server) giveOut() {
	if s.clock() < s.grants {
		return
	}
	for _, r := range s.w.store.rows {
		if r.place != protocol.Free || r.before {
			continue
		}
		ses := s.choose(r)
		if ses == nil {
			continue
		}
		s.point("before_offer_tx")
		if _, err := s.w.store.offer(r.run, ses.agent); err != nil {
			continue
		}
		ses.holds = append(ses.holds, &grant{claim: r.claim(), offeredAt: s.clock()})
		s.w.say("server", "offers %d#%d to %s", r.run, r.epoch, ses.agent)
		s.point("after_offer_tx")
		ses.send(wire.Offer{Claim: r.claim()})
	}
}

// choose answers an agent with room; the one that lost the job last only if there is no other.
func (s *server) choose(r *row) *session {
	var second *session
	for _, ses := range s.sessions {
		switch {
		case ses.over || len(ses.holds) >= capacity || !ses.sure:
		case ses.agent == r.last:
			second = ses
		default:
			return ses
		}
	}
	return second
}

func (ses *session) send(m any) { ses.conn.send(down, m, false) }

func (ses *session) stale(c wire.Claim) {
	ses.drop(c)
	ses.send(wire.Stale{Claim: c})
}

// tell says what people want, and was not said in this session.
func (ses *session) tell() {
	for _, g := range slices.Clone(ses.holds) {
		known := ses.s.w.store.standing(ses.agent, g.claim)
		switch {
		case known.Agent != ses.agent || known.Epoch != g.claim.Epoch || known.Place != protocol.Offered && known.Place != protocol.Running:
			ses.stale(g.claim)
		case g.Tell(known.Cancel):
			ses.send(wire.Cancel{Claim: g.claim, Reason: known.Reason, Hard: known.Cancel == protocol.Hard})
		}
	}
}

// people start and cancel runs.
func (w *world) people() {
	for range jobCount {
		w.after(w.between(0, turmoil*3/4), w.request)
	}
}

// request starts a run, which may be canceled later.
func (w *world) request() {
	if !w.server.on || w.server.asleep {
		w.after(10*time.Second, w.request)
		return
	}
	run := w.store.create(w.rng.IntN(4))
	w.check.created(run)
	w.say("people", "start run %d", run)
	for range w.rng.IntN(8) / 5 {
		w.after(w.between(time.Second, 5*time.Minute), func() { w.cancel(run) })
	}
}

func (w *world) cancel(run int64) {
	if !w.server.on || w.server.asleep {
		w.after(10*time.Second, func() { w.cancel(run) })
		return
	}
	w.say("people", "cancel run %d", run)
	if w.broken.forgetfulCancel {
		if r := w.store.row(run); r != nil && r.place == protocol.Running {
			w.check.canceled(run)
			if ses := w.server.session(r.agent); ses != nil {
				ses.send(wire.Cancel{Claim: r.claim(), Hard: true})
			}
			return
		}
	}
	if w.store.cancel(run) != nil {
		return
	}
	w.check.canceled(run)
	for _, ses := range w.server.sessions {
		ses.tell()
	}
}
