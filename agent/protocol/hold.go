package protocol

import (
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A Step is what has to be done about a job now.
type Step uint8

// The steps.
const (
	Nothing Step = iota
	// Begin: note durably that the job begins, then run it.
	Begin
	// EndSoft: end what runs; activities with run_on "always" still come.
	EndSoft
	// EndHard: end everything. The server wants to hear how it ended.
	EndHard
	// Fence: as EndHard, and the job is lost, because the server was not heard of for too long.
	Fence
	// Drop: end everything at once, and forget the job when nothing of it runs any more. The server wants to hear nothing.
	Drop
	// Forget: nothing of it runs, and the server knows all of it.
	Forget
)

func (s Step) String() string {
	return [...]string{"nothing", "begin", "end soft", "end hard", "fence", "drop", "forget"}[s]
}

// A phase says how far a try is.
type phase uint8

const (
	offered  phase = iota // being prepared
	accepted              // that is in the journal
	running               // it was started: processes may run
	ended                 // nothing runs any more, and nothing will
	finished              // its result is in the journal, and its logs are on the server
	over                  // to be forgotten
)

// A Level says how much of a job has to end.
type Level uint8

// The levels; none is taken back.
const (
	None Level = iota
	Soft
	Hard
)

// LevelOf makes a level of what messages say.
func LevelOf(cancel, hard bool) Level {
	switch {
	case cancel && hard:
		return Hard
	case cancel:
		return Soft
	}
	return None
}

// A Hold is one try at a job on its agent. The zero Hold is an offer that is being prepared. Instants are those of one clock that
// goes on while the host sleeps.
type Hold struct {
	phase   phase
	level   Level
	dropped bool
	fenced  bool
	leased  bool          // lease is known
	lease   time.Duration // until when the server lets it run
	margin  time.Duration
}

// Accepted notes that the journal holds the job, durably. The server is told, and may let it start.
func (h *Hold) Accepted() {
	if h.phase == offered {
		h.phase = accepted
		h.unstarted()
	}
}

// unstarted has an accepted job that was canceled end as one that ran: nothing did, and nothing will.
func (h *Hold) unstarted() {
	if h.phase == accepted && h.level > None {
		h.phase = running
	}
}

// Start takes in that the server lets the job run for valid, counted from when the agent said in this session that it has the job.
func (h *Hold) Start(sent, valid, now time.Duration) Step {
	if h.phase != accepted || h.dropped {
		return Nothing
	}
	h.extend(sent, valid)
	h.phase = running
	if h.late(now) { // it took too long to come
		h.fenced, h.level = true, Hard
		return Fence
	}
	return Begin
}

// Renew takes in that the server renewed the lease with its answer to a ping of that moment. It answers whether the lease is longer now.
func (h *Hold) Renew(sent, valid time.Duration) bool {
	if h.phase != running || h.fenced || h.dropped || valid <= 0 {
		return false
	}
	return h.extend(sent, valid)
}

func (h *Hold) extend(sent, valid time.Duration) bool {
	if h.leased && sent+valid <= h.lease {
		return false
	}
	h.leased, h.lease, h.margin = true, sent+valid, margin(valid)
	return true
}

// Lease answers until when the job may run. It is not known before the Start, and after a restart of the agent not before the
// server was heard: what runs then has its own, and nothing else may begin.
func (h *Hold) Lease() (until time.Duration, known bool) { return h.lease, h.leased }

// late says whether the lease is over, or so nearly that the job has to end.
func (h *Hold) late(now time.Duration) bool { return h.leased && now >= h.lease-h.margin }

// MayBegin says whether a process may begin now. It is to be asked before each one.
func (h *Hold) MayBegin(now time.Duration) bool {
	return h.phase == running && h.leased && h.level < Hard && !h.dropped && !h.late(now)
}

// Tick looks whether the server was silent for too long. It answers Fence once.
func (h *Hold) Tick(now time.Duration) Step {
	if h.phase != running || h.fenced || h.dropped || !h.late(now) {
		return Nothing
	}
	h.fenced, h.level = true, Hard
	return Fence
}

// Deadline answers when Tick has to be called next, if it has to.
func (h *Hold) Deadline() (at time.Duration, wanted bool) {
	return h.lease - h.margin, h.phase == running && h.leased && !h.fenced && !h.dropped
}

// Cancel takes in that the job should end. It may be said any number of times; what was said before is never taken back. A job that
// was not started has nothing to clean up: all of it ends.
func (h *Hold) Cancel(level Level) Step {
	if h.phase < running && level > None {
		level = Hard
	}
	if h.phase >= ended || h.dropped || level <= h.level {
		return Nothing
	}
	h.level = level
	h.unstarted()
	if level == Soft {
		return EndSoft
	}
	return EndHard
}

// Discard takes in that the server gave this try up: by a verdict, a Stale, or a Pong that says so.
func (h *Hold) Discard() Step {
	if h.dropped || h.phase == over {
		return Nothing
	}
	h.dropped = true
	if h.phase >= ended {
		h.phase = over
		return Forget
	}
	return Drop
}

// Ended notes that nothing of the job runs any more, and nothing will. Before that no server may believe that it is gone.
func (h *Hold) Ended() Step {
	if h.phase >= ended {
		return Nothing
	}
	if h.dropped || h.phase == offered { // one that was never accepted is declined, and that is all
		h.phase = over
		return Forget
	}
	h.phase = ended
	return Nothing
}

// Finished notes that the result is in the journal, durably, and that the server has all of the logs that it will get. The result is to be
// reported, in each session anew, until the server says that it is final.
func (h *Hold) Finished() {
	if h.phase == ended {
		h.phase = finished
	}
}

// Final takes in that the server has the result, durably.
func (h *Hold) Final() Step {
	switch {
	case h.phase == over:
		return Nothing
	case h.phase < ended: // it cannot know a result that nobody reported: it speaks of nothing that we have
		return Nothing
	}
	h.phase = over
	return Forget
}

// Held answers what a Hello says of the job, if it says anything. It names the job as long as anything of it may run.
func (h *Hold) Held() (wire.Phase, bool) {
	switch h.phase {
	case accepted:
		return wire.PhaseAccepted, true
	case running, ended:
		return wire.PhaseRunning, true
	case finished:
		return wire.PhaseFinished, true
	}
	return "", false
}
