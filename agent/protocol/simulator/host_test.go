package simulator

import (
	"slices"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A host is a build host: its disk, its containers, and the agent's process on it.
type host struct {
	machine
	link    link
	disk    journal
	spool   map[logID]*spoolFile
	spooled []logID
	rooms   []*room
	agent   *agent // nil if it does not run
	starts  int    // of the agent's process
	sick    bool   // Docker does not answer the agent; what runs goes on
}

// A spoolFile is a log on the agent's disk. Nobody syncs it before the activity ends.
type spoolFile struct {
	data   []byte
	synced int
}

func newHost(w *world, name string) *host {
	return &host{machine: newMachine(w, name), spool: map[logID]*spoolFile{}, disk: journal{w: w}}
}

// turnOn boots the host and starts its agent.
func (h *host) turnOn() {
	h.machine.start()
	h.startAgent()
}

// turnOff takes the host's power: what was not synced is lost, from any byte on, and so is all that runs.
func (h *host) turnOff() {
	if !h.on {
		return
	}
	h.w.say(h.name, "loses its power")
	h.killAgent()
	h.on, h.rooms, h.sick = false, nil, false
	h.disk.powerLoss()
	for _, id := range h.spooled {
		f := h.spool[id]
		f.data = f.data[:f.synced+h.w.rng.IntN(len(f.data)-f.synced+1)]
		f.synced = len(f.data)
	}
	h.link.cut(h.w)
}

// killAgent ends the agent's process; its containers go on.
func (h *host) killAgent() {
	if h.agent == nil {
		return
	}
	h.w.say(h.name, "the agent is killed")
	if s := h.agent.session; s != nil {
		s.end.open = false
		server := s.conn.ends[up]
		h.w.after(pick(h.w, 0, h.w.between(0, idleLimit)), func() { s.conn.drop(server) })
	}
	for _, r := range h.rooms {
		r.joined = nil
	}
	h.agent = nil
}

func (h *host) startAgent() {
	if h.on && h.agent == nil {
		h.starts++
		h.agent = newAgent(h)
		h.agent.begin()
	}
}

func (h *host) file(id logID) *spoolFile {
	if h.spool[id] == nil {
		h.spool[id] = &spoolFile{}
		h.spooled = append(h.spooled, id)
	}
	return h.spool[id]
}

func (h *host) removeFiles(c wire.Claim) {
	h.spooled = slices.DeleteFunc(h.spooled, func(id logID) bool {
		if id.claim == c {
			delete(h.spool, id)
		}
		return id.claim == c
	})
}
