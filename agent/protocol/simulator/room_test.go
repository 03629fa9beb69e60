package simulator

import (
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A room is a container with its shim.
type room struct {
	h       *host
	claim   wire.Claim
	token   string        // of the last Go
	process *process      // that runs, or nil
	exit    *exit         // of the process of token
	lease   time.Duration // on the host's clock
	wallEnd time.Duration // the same on its wall clock
	joined  func(exit)    // the agent's ear
}

// An exit is how a process ended.
type exit struct {
	code   int
	killed bool
	fenced bool
}

// A process is a user's. It writes the bytes of its log, which are like no other's.
type process struct {
	room     *room
	id       logID
	boot     int
	wrote    int
	finishAt time.Duration // by the host's clock
}

func (h *host) room(c wire.Claim) *room {
	for _, r := range h.rooms {
		if r.claim == c {
			return r
		}
	}
	return nil
}

// open makes a room, unless there is one of that name.
func (h *host) open(c wire.Claim) *room {
	if r := h.room(c); r != nil {
		return r
	}
	r := &room{h: h, claim: c}
	h.rooms = append(h.rooms, r)
	return r
}

// remove ends what runs in a room, and removes it.
func (h *host) remove(c wire.Claim) {
	if r := h.room(c); r != nil {
		r.joined = nil
		r.kill(exit{code: 137, killed: true})
		h.rooms = slices.DeleteFunc(h.rooms, func(other *room) bool { return other == r })
	}
}

// run has the shim begin a process.
func (r *room) run(id logID, token string, lease time.Duration) {
	h := r.h
	if r.process != nil || r.token == token {
		return
	}
	r.token, r.exit, r.lease = token, nil, lease
	r.wallEnd = lease + h.wall
	p := &process{room: r, id: id, boot: h.boots, finishAt: h.clock() + h.w.check.truth(id).takes}
	r.process = p
	h.w.say(h.name, "%s begins", id)
	h.w.check.began(h, id)
	p.write()
	r.deadMan(p)
}

// deadMan ends the process when its lease is over, whatever became of the agent.
func (r *room) deadMan(p *process) {
	h := r.h
	h.after(min(time.Second, max(10*time.Millisecond, r.lease-h.clock())), func() {
		if r.process != p {
			return
		}
		over := h.clock() >= r.lease
		if h.w.broken.wallLease {
			over = h.clock()+h.wall >= r.wallEnd
		}
		if over && !h.w.broken.noDeadMan {
			h.w.say(h.name, "the lease of %s is over", p.id)
			r.kill(exit{code: 137, fenced: true})
			return
		}
		r.deadMan(p)
	})
}

// renew takes in a longer lease.
func (r *room) renew(lease time.Duration) {
	if lease > r.lease {
		r.lease, r.wallEnd = lease, lease+r.h.wall
	}
}

// write writes the next piece of the log, or ends the process.
func (p *process) write() {
	h := p.room.h
	truth := h.w.check.truth(p.id)
	left := p.finishAt - h.clock()
	h.after(min(max(0, left), h.w.between(time.Second, truth.takes/2+time.Second)), func() {
		if p.room.process != p {
			return
		}
		n := min(truth.size-p.wrote, h.w.rng.IntN(truth.size/3+2))
		done := h.clock() >= p.finishAt
		if done {
			n = truth.size - p.wrote
		}
		f := h.file(p.id)
		f.data = append(f.data, truth.bytes(len(f.data), n)...)
		p.wrote += n
		truth.wrote = len(f.data)
		if p.room.joined != nil {
			h.agent.grew(p.id)
		}
		if done {
			p.room.kill(exit{code: truth.code})
			return
		}
		p.write()
	})
}

// kill ends the room's process, if there is one.
func (r *room) kill(e exit) {
	if r.process == nil {
		return
	}
	r.h.w.say(r.h.name, "%s ends: %+v", r.process.id, e)
	r.h.w.check.exited(r.process.id, e)
	r.process, r.exit = nil, &e
	if r.joined != nil {
		joined := r.joined
		r.h.agentAfter(r.h.w.between(0, 100*time.Millisecond), func() { joined(e) })
	}
}

// agentAfter has something happen in the agent's process of now.
func (h *host) agentAfter(d time.Duration, do func()) {
	a := h.agent
	h.after(d, func() {
		if h.agent == a && a != nil {
			do()
		}
	})
}

// alive says whether a process could do something at this moment.
func (p *process) alive() bool {
	h := p.room.h
	return h.on && h.boots == p.boot && !h.asleep
}
