package server

import (
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// An AgentID is the random identity that an agent keeps in its data folder.
type AgentID string

// An Agent is a process on a build host that runs jobs.
type Agent struct {
	ID       AgentID  `json:"id"`
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	OS       string   `json:"os"`
	Arch     string   `json:"arch"`
	Labels   []string `json:"labels,omitempty"`
	Capacity int      `json:"capacity"`
	// Online says that the agent is connected. Problem says why it cannot work, in its own words; empty if it can.
	Online  bool   `json:"online"`
	Problem string `json:"problem,omitempty"`
	// Note is what an admin should know of an agent that works: that another host uses its identity, say.
	Note string `json:"note,omitempty"`
	// Suspect says that it was not heard of for too long, though it should have been, and HeardAgo for how long. Only who asks the
	// gateway knows them; they are not stored.
	Suspect  bool          `json:"suspect,omitempty"`
	HeardAgo plan.Duration `json:"heard_ago,omitzero"`
	// Session counts the connections that this agent was welcomed on.
	Session    int64     `json:"session"`
	Jobs       []JobRef  `json:"jobs,omitempty"` // that it has now
	LastSeenAt time.Time `json:"last_seen_at"`
}

// A JobRef names a job of a run.
type JobRef struct {
	Run RunID  `json:"run"`
	Job string `json:"job"`
}

// Serves says whether the agent is such that it could run the job: whether it has its os and arch, and carries all of its
// labels.
func (a Agent) Serves(j QueuedJob) bool {
	if j.OS != "" && j.OS != a.OS || j.Arch != "" && j.Arch != a.Arch {
		return false
	}
	for _, l := range j.Labels {
		if !slices.Contains(a.Labels, l) {
			return false
		}
	}
	return true
}
