package protocol

import "time"

// The times that hold where nobody set others.
const (
	DefaultSuspect = 45 * time.Second
	DefaultFence   = 10 * time.Minute
)

// Terms say how long silence may last between a server and its agents.
type Terms struct {
	// Suspect is the silence after which people are told. It decides nothing.
	Suspect time.Duration
	// Fence is the silence after which a job ends on its agent, and a little later counts as lost on the server.
	Fence time.Duration
}

// OrDefault answers the terms with the default of each that is not set.
func (t Terms) OrDefault() Terms {
	if t.Suspect <= 0 {
		t.Suspect = DefaultSuspect
	}
	if t.Fence <= 0 {
		t.Fence = DefaultFence
	}
	return t
}

// Of answers the terms of a job, which may have a fence of its own; 0 is none.
func (t Terms) Of(fence time.Duration) Terms {
	if fence > 0 {
		t.Fence = fence
	}
	return t.OrDefault()
}

// Ping is how often the agent says that it is there: often enough that one lost ping, or two, neither end nor suspect a job.
func (t Terms) Ping() time.Duration {
	t = t.OrDefault()
	return min(15*time.Second, t.Fence/4, t.Suspect/3)
}

// GiveUp is the silence, by the server's clock, after which it counts a job as lost. By then the agent has ended it, and if the
// agent could not, the shim has: both count from a moment before the silence began. The clocks of both ends may be wrong by 1 % each.
func (t Terms) GiveUp() time.Duration {
	t = t.OrDefault()
	return t.Fence + min(time.Minute, t.Fence/2) + t.Fence/50
}

// margin is how long before the end of a lease of this length the agent ends a job by itself, so that its processes have time to end
// in order before they are killed.
func margin(valid time.Duration) time.Duration { return min(30*time.Second, valid/10) }
