package server

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// ErrStale says that a message about a job is about an epoch that is over, or about a job that is done: it changed
// nothing, and the agent should forget the job. It comes wrapped in an Error of kind Conflict.
var ErrStale = errors.New("this try at the job is over")

// A Claim names one try at one job, by one agent. Its epoch fences it: what is said under another one changes nothing.
type Claim struct {
	Run   RunID  `json:"run"`
	Job   string `json:"job"`
	Epoch int64  `json:"epoch"`
}

// Ref answers the job that is claimed.
func (c Claim) Ref() JobRef { return JobRef{Run: c.Run, Job: c.Job} }

// A QueuedJob is a job that waits for an agent, with what the choice of the agent needs.
type QueuedJob struct {
	Run      RunID
	Job      string
	Project  string
	Commit   string
	Labels   []string // that the agent must carry
	OS, Arch string   // that it must have; empty is any
	QueuedAt time.Time
	// Avoid is the agent that lost the job last: another one is better.
	Avoid AgentID
	// NotBefore is when it may be given out, if that is not at once: after a restore an agent that is cut off may still have it.
	NotBefore time.Time
}

// Ref answers which job it is.
func (j QueuedJob) Ref() JobRef { return JobRef{Run: j.Run, Job: j.Job} }

// A HeldJob is a job that was offered to an agent, or that runs there.
type HeldJob struct {
	Claim
	Agent     AgentID
	Project   string
	Commit    string
	Running   bool      // the agent accepted it; false while it is only offered
	OfferedAt time.Time // by the server's clock
	// Cancel says that the job has to end, and Reason why.
	Cancel bool
	Hard   bool // what runs after a cancellation has to end, too
	Reason string
	// Fence is for how long the agent may let it run without a word from the server, as it was told; 0 before it accepted.
	Fence time.Duration
}

// A JobStanding says how it stands with a job, whichever try it is at. Of Offered, Running and Done at most one is so; if none is,
// no agent has the job.
type JobStanding struct {
	Offered, Running, Done bool
	Agent                  AgentID // that has it
	Epoch                  int64   // the last one that was given out, as far as this database knows
	// Floor is above all epochs that were given out before the database was restored from a backup, and below all later ones;
	// 0 if it never was.
	Floor  int64
	Cancel bool
	Hard   bool
	Reason string        // of the cancel
	Fence  time.Duration // see HeldJob
}

// A JobReport is the whole state of a job on its agent, as the agent knows it. The store takes from it what is news.
type JobReport struct {
	Claim
	// Revision counts the reports of one claim up; one that is not newer than the last changes nothing.
	Revision   int64
	Activities []ActivityReport // in the order of the plan
	// Result ends the job; empty while it runs.
	Result plan.Result
	Cause  string
	// Note is a sentence for the history: "the agent was restarted; the job went on".
	Note string
}

// An ActivityReport is the state of one activity on the agent.
type ActivityReport struct {
	Name     string
	State    plan.State
	Result   plan.Result
	Cause    string
	ExitCode *int
	Signal   string
	// Began is the time from the job's start to the activity's, Took how long it ran, both by the agent's monotonic clock;
	// nil where it is not known yet. The store makes times of them with the server's clock.
	Began, Took *time.Duration
	LogBytes    int64 // of the finished log
	LogSHA256   string
	// LogIncomplete says what is missing of the log on the server; empty if nothing is.
	LogIncomplete string
	// Omitted is how many bytes the agent left out of the log, because it had too many; the log says where.
	Omitted int64
	Outputs map[string]json.RawMessage
	Tries   []Try
}

// An AgentStatus is what an agent can do now.
type AgentStatus struct {
	Labels   []string
	Capacity int
	Problem  string
}
