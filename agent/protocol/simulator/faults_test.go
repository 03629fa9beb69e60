package simulator

import (
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
)

const year = 365 * 24 * time.Hour

// faultKinds is how many kinds of faults there are, beside the points at which somebody is killed.
const faultKinds = 12

// fault breaks something, and comes again.
func (w *world) fault() {
	if w.calm {
		return
	}
	w.after(w.between(time.Second, 2*w.manners.faultRate), w.fault)
	h := pick(w, w.hosts...)
	short := w.between(time.Second, pick(w, 10*time.Second, time.Minute, 2*w.terms.GiveUp()))
	switch pick(w, w.manners.faults...) {
	case 0, 1:
		h.strike()
	case 2:
		w.server.crash(w.chance(0.5))
		w.after(short/2, w.server.bootAgain)
	case 3:
		w.say(h.name, "its connections break")
		h.link.cut(w)
	case 4, 5:
		w.block(h, short)
	case 6:
		w.say(h.name, "its link is slow")
		h.link.slow = w.between(0, 10*time.Second)
		w.after(short, func() { h.link.slow = 0 })
	case 7:
		h.sleep(short)
	case 8:
		w.server.sleep(short / 2)
	case 9:
		h.jump()
	case 10:
		w.say(h.name, "Docker does not answer")
		h.sick = true
		w.after(short/4, func() { h.sick = false })
	case 11:
		w.history()
	}
}

// jump sets a host's wall clock to something else.
func (h *host) jump() {
	h.wall += pick(h.w, -time.Hour, time.Hour, -10*year, 10*year)
	h.w.say(h.name, "its wall clock is off by %s", h.wall)
}

// block stops a link in one direction or both for a while.
func (w *world) block(h *host, d time.Duration) {
	which := pick(w, []direction{up}, []direction{down}, []direction{up, down})
	w.say(h.name, "its link is blocked in %v for %s", which, d)
	for _, each := range which {
		h.link.block(each, true)
		w.after(d, func() { h.link.block(each, false) })
	}
}

// history makes a backup, or restores one.
func (w *world) history() {
	s := w.server
	if !s.on || s.asleep {
		return
	}
	if len(s.copies) == 0 || w.chance(0.6) {
		w.say("server", "is backed up")
		s.copies = append(s.copies, copied{w.store.backup(), w.logs.backup()})
		return
	}
	w.say("server", "is restored")
	for _, ses := range slices.Clone(s.sessions) {
		ses.conn.close(ses.end, "the server is restored")
	}
	last := pick(w, s.copies...)
	w.store, w.logs = last.store.restored(w.store), last.logs.backup()
	s.heard, s.roster = map[wire.Claim]time.Duration{}, protocol.Roster{}
	s.began = s.clock()
	s.grants = s.clock() + time.Minute
	w.check.restored()
	for _, h := range w.hosts {
		if w.chance(0.4) { // not all agents come back at once
			w.block(h, w.between(0, w.terms.GiveUp()))
		}
	}
	// By the wall clock of the server, so that its restarts change nothing.
	rows := w.store.rows
	w.after(time.Duration(float64(w.terms.GiveUp())/s.rate), func() {
		for _, r := range rows {
			r.before = false
		}
	})
}

func (s *server) bootAgain() {
	if !s.on {
		s.boot()
	}
}

// calmDown mends everything: from now on nothing breaks.
func (w *world) calmDown() {
	w.say("world", "nothing breaks any more")
	w.calm = true
	w.server.wake()
	w.server.bootAgain()
	for _, h := range w.hosts {
		h.wake()
		h.turnOnAgain()
		h.startAgent()
		h.link.slow, h.sick = 0, false
		h.link.block(up, false)
		h.link.block(down, false)
	}
	w.check.calmed()
}
