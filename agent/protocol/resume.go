package protocol

// Noted is what the journal says of a job that an earlier process of the agent had.
type Noted struct {
	Started  bool // the server let it run
	Begun    bool // a process of it was about to begin, or did
	Result   bool // how it ended
	Rebooted bool // the host was, since it was accepted
}

// A Way is how to go on with a job after a restart of the agent.
type Way uint8

// The ways.
const (
	// Wait: nothing of it ever ran. Prepare it anew, say in Hello that it is accepted, and wait for its Start.
	Wait Way = iota
	// Anew: it was started, but none of its processes began. Prepare it anew, and run it.
	Anew
	// Adopt: take up what runs, or ran.
	Adopt
	// Rebooted: whatever ran is gone with the host's last boot. The job is lost.
	Rebooted
	// Conclude: it ended. Bring its logs and its result to the server.
	Conclude
)

func (w Way) String() string {
	return [...]string{"wait", "anew", "adopt", "rebooted", "conclude"}[w]
}

// Resume answers how to go on with a job, and its hold. What was only written, and not synced, may be missing after the host went
// down: then it cannot be told from the journal whether a process of a started job had begun, and nobody may run it again.
func Resume(n Noted) (Way, Hold) {
	switch {
	case n.Result:
		return Conclude, Hold{phase: ended}
	case !n.Started:
		return Wait, Hold{phase: accepted}
	case n.Rebooted:
		return Rebooted, Hold{phase: ended}
	case !n.Begun:
		return Anew, Hold{phase: running}
	}
	return Adopt, Hold{phase: running}
}

// Recalled is the hold of a job that was final once, and that a server wants again which lost its end.
func Recalled() Hold { return Hold{phase: ended} }
