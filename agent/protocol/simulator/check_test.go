package simulator

import (
	"bytes"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A checker sees all of the world, and says what must not be. It looks at these invariants:
//
//	one epoch         at most one epoch of a job has a live process (a host that wakes has a second to end what it slept over)
//	no early start    no process begins before the server has RUNNING, and the agent its accept and start, on the disk
//	stale is stale    what is said under an epoch that is over changes nothing
//	one end           a job that is done stays so, with the same result
//	true end          a job passed if all of its activities did, and failed if one did
//	no silent rerun   an activity of an epoch begins once; another epoch begins only after the one before counts as lost
//	logs              the server has what the process wrote, byte by byte; what was acknowledged stays; a log is whole, or says
//	                  that it is not
//	cancel            what people canceled stays canceled, and never begins again
//	an end to all     once nothing breaks any more each run ends in time, and nothing of it is left
type checker struct {
	w       *world
	jobs    map[int64]*truth
	logs    map[logID]*logTruth
	ends    map[int64]plan.Result
	ran     map[wire.Claim]bool
	cancels map[int64]int64 // epoch at the cancel
	since   time.Duration   // of the last restore; 0 if there was none
	old     map[wire.Claim]bool
	due     time.Duration
	begun   map[int64][]wire.Claim // tries that had a process
}

func newChecker(w *world) *checker {
	return &checker{
		w: w, jobs: map[int64]*truth{}, logs: map[logID]*logTruth{}, ends: map[int64]plan.Result{}, ran: map[wire.Claim]bool{},
		cancels: map[int64]int64{}, old: map[wire.Claim]bool{}, begun: map[int64][]wire.Claim{},
	}
}

// guarded does something in the store for what was said under a claim.
func (k *checker) guarded(c wire.Claim, take bool, do func() error) error {
	r := k.w.store.row(c.Run)
	if r == nil {
		return do()
	}
	before := *r
	err := do()
	if before.epoch != c.Epoch && !take && (r.place != before.place || r.epoch != before.epoch || r.revision != before.revision || r.result != before.result) {
		k.w.fail("stale is stale: epoch %d of run %d, which is over, changed it from %s to %s", c.Epoch, c.Run, &before, r)
	}
	return err
}

// began is told that a process begins.
func (k *checker) began(h *host, id logID) {
	t, c, r := k.truth(id), id.claim, k.w.store.row(id.claim.Run)
	switch {
	case t.began:
		k.w.fail("no silent rerun: %s begins again", id)
	case !k.ran[c]:
		k.w.fail("no early start: %s begins, and the server has not stored that it runs", id)
	case !h.disk.has("hold", c) || !h.disk.has("start", c):
		k.w.fail("no early start: %s begins, and its agent's journal has not synced it", id)
	case k.old[c] || r == nil: // the server forgot more than it can know
	case r.place != protocol.Running || r.epoch != c.Epoch:
		k.w.fail("stale is stale: %s begins, and the server says %s", id, r)
	}
	if epoch, canceled := k.cancels[c.Run]; canceled && c.Epoch > epoch && !k.old[c] {
		k.w.fail("cancel: %s begins after its run was canceled", id)
	}
	for _, before := range k.begun[c.Run] {
		if before.Epoch >= c.Epoch || k.old[before] || r == nil {
			continue
		}
		lost := false
		for _, a := range r.attempts {
			lost = lost || a.epoch == before.Epoch
		}
		if !lost {
			k.w.fail("no silent rerun: %s begins, and nothing says that epoch %d was lost", id, before.Epoch)
		}
	}
	t.began = true
	k.begun[c.Run] = append(k.begun[c.Run], c)
}

func (k *checker) exited(id logID, e exit) { k.truth(id).exit = &e }

// received is told that the server took in bytes.
func (k *checker) received(id logID) {
	data, t := k.w.logs.log(id).data, k.truth(id)
	if len(data) > t.wrote || !bytes.Equal(data, t.content[:len(data)]) {
		k.w.fail("logs: the server has %d bytes of %s that are not those of its process", len(data), id)
	}
}

// abandoned is told that the server gave a try up: its logs stay as they are, and say so.
func (k *checker) abandoned(c wire.Claim) {
	for _, log := range k.w.logs.all {
		if log.id.claim == c && !log.finished && log.incomplete == "" {
			log.incomplete = "given up"
		}
	}
}

// concluded is told that a result was stored.
func (k *checker) concluded(m wire.Report) {
	steps := k.jobs[m.Run].steps
	passed, failed := 0, 0
	for i := range steps {
		id := logID{m.Claim, string([]byte{'s', byte('0' + i)})}
		t := k.truth(id)
		if t.exit != nil && !t.exit.killed && !t.exit.fenced && t.exit.code == 0 {
			passed++
		} else if t.exit != nil && !t.exit.killed && !t.exit.fenced {
			failed++
		}
		log := k.w.logs.log(id)
		switch {
		case !t.began || log.incomplete != "":
		case !log.finished && i < len(m.Activities):
			k.w.fail("logs: %d#%d is done, and the log of %s is neither whole nor said to be incomplete: %d of %d bytes", m.Run, m.Epoch, id, len(log.data), t.wrote)
		case log.finished && !bytes.Equal(log.data, t.content[:t.wrote]):
			k.w.fail("logs: the log of %s counts as whole with %d bytes, and its process wrote %d", id, len(log.data), t.wrote)
		}
	}
	switch {
	case m.Result == plan.Passed && passed < len(steps):
		k.w.fail("true end: %d#%d passed, and only %d of its %d activities did", m.Run, m.Epoch, passed, len(steps))
	case m.Result == plan.Failed && failed == 0:
		k.w.fail("true end: %d#%d failed, and none of its activities did", m.Run, m.Epoch)
	}
}

func (k *checker) canceled(run int64) {
	if r := k.w.store.row(run); r != nil {
		if _, again := k.cancels[run]; !again {
			k.cancels[run] = r.epoch
		}
	}
}

// restored is told that the server begins anew from a backup: what was after it never was, for the server.
func (k *checker) restored() {
	for c := range k.ran {
		k.old[c] = true
	}
	clear(k.ends)
	clear(k.cancels)
	for _, r := range k.w.store.rows {
		if r.cancel > protocol.None {
			k.cancels[r.run] = r.epoch
		}
	}
	k.since = k.w.now
}

// step looks at the world after each event.
func (k *checker) step() {
	for _, r := range k.w.store.rows {
		k.row(r)
	}
	k.live()
	for _, log := range k.w.logs.all {
		if len(log.data) < log.acked {
			k.w.fail("logs: %d bytes of %s were acknowledged, and the server has %d", log.acked, log.id, len(log.data))
		}
	}
	if k.w.calm && k.w.now > k.due {
		for _, r := range k.w.store.rows {
			if r.place != protocol.Done {
				k.w.fail("an end to all: run %d is not done %s after all was well again: %s", r.run, k.w.now-turmoil, r)
			}
		}
	}
}

func (k *checker) row(r *row) {
	if r.place == protocol.Running {
		k.ran[r.claim()] = true
	}
	end, ended := k.ends[r.run]
	switch {
	case ended && (r.place != protocol.Done || r.result != end):
		k.w.fail("one end: run %d was done (%s), and is now %s", r.run, end, r)
	case r.place == protocol.Done && !ended:
		k.ends[r.run] = r.result
	}
	if _, canceled := k.cancels[r.run]; canceled && r.cancel == protocol.None && r.place != protocol.Done {
		k.w.fail("cancel: run %d was canceled, and is %s", r.run, r)
	}
}

// live looks for jobs that run twice.
func (k *checker) live() {
	hosts := k.w.hosts
	for i, h := range hosts {
		for _, a := range h.rooms {
			if a.process == nil || !a.process.alive() {
				continue
			}
			for _, other := range hosts[i:] {
				for _, b := range other.rooms {
					if b != a && b.process != nil && b.process.alive() && a.claim.Run == b.claim.Run {
						k.twice(a, b)
					}
				}
			}
		}
	}
}

func (k *checker) twice(a, b *room) {
	if a.claim.Epoch > b.claim.Epoch {
		a, b = b, a
	}
	if k.w.now-a.h.woke <= time.Second && a.h.woke > 0 {
		return
	}
	k.w.fail("one epoch: run %d has processes of epochs %d on %s and %d on %s", a.claim.Run, a.claim.Epoch, a.h.name, b.claim.Epoch, b.h.name)
}

// calmed is told that nothing breaks any more; from now on all has to end in time.
func (k *checker) calmed() {
	tries := 1
	for _, r := range k.w.store.rows {
		tries = max(tries, 1+r.retries-len(r.attempts))
	}
	k.due = k.w.now + time.Duration(tries)*(longest+k.w.terms.GiveUp()+2*time.Minute)
	if k.since > 0 {
		k.due += k.w.terms.GiveUp()
	}
}

// over says whether nothing is left to happen.
func (k *checker) over() bool {
	for _, r := range k.w.store.rows {
		if r.place != protocol.Done {
			return false
		}
	}
	if k.w.now < turmoil+time.Minute {
		return false
	}
	return k.left() == "" || k.w.now > k.due+10*time.Minute
}

// left answers something that is left of a job.
func (k *checker) left() string {
	for _, h := range k.w.hosts {
		switch {
		case len(h.rooms) > 0:
			return "a room on " + h.name
		case len(h.agent.jobs) > 0:
			return "a job on " + h.name
		}
		kept := map[wire.Claim]bool{}
		for _, e := range h.disk.read() {
			if !e.kept {
				return "a job in the journal of " + h.name
			}
			kept[e.claim] = true
		}
		for _, id := range h.spooled {
			if !kept[id.claim] {
				return "the log " + id.String() + " on " + h.name
			}
		}
	}
	return ""
}

func (k *checker) end() {
	if left := k.left(); left != "" {
		k.w.fail("an end to all: %s is left", left)
	}
}
