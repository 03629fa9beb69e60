package protocol

// A Grant is what a session of the server knows of a job that it gave to its agent, or that the agent came with. It can be lost at any
// time: what counts is in the store.
type Grant struct {
	Running    bool  // accepted
	Concluding bool  // its end is being stored
	told       Level // what the agent was told to end
	listed     int64 // number of the ping that named it last
}

// Tell answers whether the agent has to be told that the job should end: it was not told so much yet in this session.
func (g *Grant) Tell(level Level) bool {
	if g.Concluding || level <= g.told {
		return false
	}
	g.told = level
	return true
}

// Listed takes in whether the ping of that number names the job, and answers whether the agent has dropped it: it named it before. An agent
// drops what it was told to, and only when nothing of it runs any more. A job that was never named proves nothing: the Accept may have
// overtaken the ping.
func (g *Grant) Listed(ping int64, named bool) (dropped bool) {
	if named {
		g.listed = max(g.listed, ping)
		return false
	}
	return g.listed > 0 && ping > g.listed && !g.Concluding
}
