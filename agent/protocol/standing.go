package protocol

import (
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A Place says where a job stands on the server.
type Place uint8

// The places.
const (
	Unknown Place = iota // there is no such job
	Free                 // no agent has it: it waits, or is queued
	Offered              // to Agent
	Running              // on Agent, from its Accept on
	Done                 // it ended; nothing an agent says can change that
)

// A Standing is what the server knows durably of a job.
type Standing struct {
	Place Place
	Agent string // that has it
	Epoch int64  // the last one that the server gave out for it, as far as it knows
	// Floor is below all epochs that will be given out for it since the server was restored from a backup, and not below any from before:
	// one behind Epoch and up to Floor was given out after the backup, and is not known any more. 0 if it never was restored.
	Floor  int64
	Cancel Level
	Reason string        // of the cancel
	Fence  time.Duration // the job's own; 0 is the server's
}

// A Move is what has to change in the store, by a guarded transition under the claim that the message names. If the guard refuses, because
// something was faster, the claim is stale: then the order is wire.DoDiscard.
type Move uint8

// The moves.
const (
	Stay   Move = iota
	Accept      // offered -> running
	Return      // offered -> queued
	Lose        // running -> lost, or queued again if the job allows it
	Take        // whatever it is -> running under the claim on this agent, because the agent knows better than a restored server
)

func (m Move) String() string { return [...]string{"stay", "accept", "return", "lose", "take"}[m] }

// Judge answers what to do with a job that an agent says in its Hello it has, and what changes in the store before that is said. The
// standing is that of the job whatever its epoch, and wherever it is.
//
// A job that was only accepted before a restore does not start: it may have been given to somebody else since the backup, who is away now.
func Judge(agent string, held wire.Held, known Standing) (wire.Verdict, Move) {
	v := wire.Verdict{Claim: held.Claim, Do: wire.DoDiscard}
	move := known.admits(agent, held.Epoch)
	if move == Return {
		return v, Stay
	}
	if held.Phase == wire.PhaseAccepted && held.Epoch <= known.Floor {
		if move == Take {
			return v, Stay
		}
		return v, Absent(known, true)
	}
	v.Do = wire.DoContinue
	if known.Cancel > None {
		v.Do, v.Reason, v.Hard = wire.DoStop, known.Reason, known.Cancel == Hard
	}
	return v, move
}

// JudgeKept answers the same for a job that the agent has put behind it, with all its logs: the server wants it again if it does not know
// its end. It answers false if it does not.
func JudgeKept(agent string, kept wire.Claim, known Standing) (wire.Verdict, Move, bool) {
	move := known.admits(agent, kept.Epoch)
	if move == Return {
		return wire.Verdict{}, Stay, false
	}
	return wire.Verdict{Claim: kept, Do: wire.DoRecall}, move, true
}

// admits answers how a try of that epoch on an agent becomes the job's current one; Return if it cannot.
func (s Standing) admits(agent string, epoch int64) Move {
	switch {
	case s.Place == Unknown, s.Place == Done, epoch < s.Epoch:
		return Return
	case epoch > s.Epoch && epoch <= s.Floor:
		return Take
	case epoch > s.Epoch, s.Agent != agent:
		return Return
	case s.Place == Offered: // the connection broke before the Accept came through: here it is
		return Accept
	case s.Place == Running:
		return Stay
	}
	return Return
}

// Absent answers what changes for a job that the server has with an agent whose Hello does not name it. Sure says that nothing of
// a job that the agent does not name can still run there: an agent that has trouble with its engine cannot tell.
func Absent(known Standing, sure bool) Move {
	switch {
	case known.Place == Offered:
		return Return
	case known.Place == Running && sure:
		return Lose
	}
	return Stay // until the fence
}

// An Outlook says how it stands with a job whose agent may be away.
type Outlook struct {
	Silent  time.Duration // since the agent was heard of
	Suspect bool          // people should know
	Left    time.Duration // until it counts as lost, or as not accepted
	Move    Move          // Return or Lose, if that is now
}

// Look answers the outlook of a job, given when its agent was heard of last (a Hello, a Ping, an Accept), and when the offer was made. The
// server's own start, or that of its clock, counts as both: nobody can be blamed for what it slept through.
func (t Terms) Look(known Standing, now, heard, offered time.Duration) Outlook {
	t = t.Of(known.Fence)
	o := Outlook{Silent: now - heard}
	switch known.Place {
	case Offered:
		o.Left = wire.OfferTimeout - (now - offered)
		if o.Left <= 0 {
			o.Move = Return
		}
	case Running:
		o.Suspect = o.Silent >= t.Suspect
		o.Left = t.GiveUp() - o.Silent
		if o.Left <= 0 {
			o.Move = Lose
		}
	}
	o.Left = max(0, o.Left)
	return o
}

// Desire answers what a Pong says of a claim that the Ping names. Concluding says that its end is just being stored.
func (t Terms) Desire(agent string, c wire.Claim, known Standing, concluding bool) wire.Desired {
	d := wire.Desired{Claim: c}
	current := known.Agent == agent && known.Epoch == c.Epoch && (known.Place == Offered || known.Place == Running)
	if !current {
		d.Stale = !concluding
		return d
	}
	d.Cancel, d.Hard, d.Reason = known.Cancel > None, known.Cancel == Hard, known.Reason
	if known.Place == Running {
		d.Valid = t.Valid(known)
	}
	return d
}

// Valid is for how long a Start or a Pong lets a job run.
func (t Terms) Valid(known Standing) plan.Duration { return plan.Duration(t.Of(known.Fence).Fence) }
