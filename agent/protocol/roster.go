package protocol

import (
	"fmt"
	"time"
)

// Times of the roster.
const (
	claimed      = 30 * time.Second // for so long after its last word an identity belongs to the host that used it
	refusedPause = 10 * time.Second // before a refused process may try again
	alternating  = time.Minute      // in this time…
	alternations = 3                // …so many changes between processes are one too many
	quarantine   = 5 * time.Minute
	rosterLimit  = 10_000 // identities that are remembered
)

// A Caller is a process that says Hello.
type Caller struct {
	Agent    string // the identity that it uses
	Instance string // random at each start
	Boot     string // of its host; may be empty
	Host     string // for people: its name and address
}

// A Ruling says whether a process is served.
type Ruling struct {
	// Refused is the sentence for the admin; empty if the process is served, in the place of any other of the same identity.
	Refused    string
	RetryAfter time.Duration
	// Quarantined says that nobody with this identity is served for now: the session that there may be has to end, too.
	Quarantined bool
	// Conflict is the sentence to show with the agent that goes on being served.
	Conflict string
}

// A Roster knows which processes used which identities of late. The zero Roster knows none. It must be guarded by its owner.
type Roster struct {
	entries map[string]*attendance
}

// attendance is what is known of an identity.
type attendance struct {
	served  Caller
	heard   time.Duration
	seen    map[string]bool // instances that were served since quiet
	changes []time.Duration // when an instance took over that had been served before, or from one
	until   time.Duration   // of the quarantine
}

// Call rules on a process that says Hello now, and takes it up if it is served.
func (r *Roster) Call(c Caller, now time.Duration) Ruling {
	a := r.entries[c.Agent]
	switch {
	case a == nil:
		r.begin(c, now)
		return Ruling{}
	case now < a.until:
		return a.quarantined(now)
	case a.until > 0: // it begins anew
		r.begin(c, now)
		return Ruling{}
	case a.otherHost(c) && now-a.heard < claimed:
		return Ruling{
			RetryAfter: refusedPause,
			Refused: fmt.Sprintf("the identity of this agent is in use on %s: its data folder was copied to %s. Stop the agent on one of them and delete its data folder; it gets an identity of its own",
				a.served.Host, c.Host),
			Conflict: fmt.Sprintf("its data folder was copied: %s uses the same identity and is refused; delete the data folder there", c.Host),
		}
	}
	if a.change(c, now) {
		a.until = now + quarantine
		return a.quarantined(now)
	}
	a.served, a.heard = c, now
	return Ruling{}
}

func (r *Roster) begin(c Caller, now time.Duration) {
	if r.entries == nil {
		r.entries = make(map[string]*attendance)
	}
	if len(r.entries) >= rosterLimit {
		r.tidy(now)
	}
	r.entries[c.Agent] = &attendance{served: c, heard: now, seen: map[string]bool{c.Instance: true}}
}

// tidy forgets identities that are of no interest any more.
func (r *Roster) tidy(now time.Duration) {
	for id, a := range r.entries {
		if now-a.heard > alternating && now >= a.until {
			delete(r.entries, id)
		}
	}
}

// otherHost says whether the caller is on another host than the process that was served last.
func (a *attendance) otherHost(c Caller) bool {
	return c.Instance != a.served.Instance && c.Boot != "" && a.served.Boot != "" && c.Boot != a.served.Boot
}

// change notes who takes over, and answers whether processes with this identity alternate. One that was started again takes over
// as well, but the one before it does not come back.
func (a *attendance) change(c Caller, now time.Duration) bool {
	if c.Instance == a.served.Instance {
		return false
	}
	for len(a.changes) > 0 && now-a.changes[0] >= alternating {
		a.changes = a.changes[1:]
	}
	if len(a.changes) == 0 {
		a.seen = map[string]bool{a.served.Instance: true}
	}
	back := a.seen[c.Instance]
	a.seen[c.Instance] = true
	a.changes = append(a.changes, now)
	return back && len(a.changes) >= alternations
}

func (a *attendance) quarantined(now time.Duration) Ruling {
	return Ruling{
		Quarantined: true, RetryAfter: max(a.until-now, time.Second),
		Refused: "quarantined: duplicate identity. Two agents use the same data folder, or a copy of it: stop one of them and delete its data folder; it gets an identity of its own",
	}
}

// Heard notes a word of the process that is served.
func (r *Roster) Heard(agent, instance string, now time.Duration) {
	if a := r.entries[agent]; a != nil && a.served.Instance == instance {
		a.heard = max(a.heard, now)
	}
}

// Left notes that the served process said that it ends: its identity is free at once.
func (r *Roster) Left(agent, instance string) {
	if a := r.entries[agent]; a != nil && a.served.Instance == instance {
		a.served.Boot = ""
	}
}
