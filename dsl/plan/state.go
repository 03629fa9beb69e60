package plan

// A State says where a run, a job or an activity is on its way. It only ever moves forward, with one exception: a job
// that an agent gave back goes from running to queued.
type State string

// The states, in their order.
const (
	Waiting State = "waiting" // for something that is named beside it
	Queued  State = "queued"  // for an agent
	Running State = "running"
	Done    State = "done" // and has a Result
)

// A Result says how something that is done ended. It is empty before that and never changes afterwards.
type Result string

// The results.
const (
	Passed   Result = "passed"
	Warned   Result = "warned" // failed, but was allowed to
	Failed   Result = "failed"
	Canceled Result = "canceled"
	Skipped  Result = "skipped" // says why
	Lost     Result = "lost"    // by the infrastructure, not by its own doing
)

// Satisfies says whether a job that ended so lets the jobs that need it start.
func (r Result) Satisfies() bool { return r == Passed || r == Warned }

// severity orders results by how much they say about a whole that contains them.
var severity = map[Result]int{Passed: 1, Skipped: 2, Warned: 3, Canceled: 4, Lost: 5, Failed: 6}

// Worst sums parts up: the result of a run out of those of its jobs, of a job out of those of its activities. Parts
// that were skipped do not colour a whole in which something else passed; a whole of skipped parts is skipped, but for a job
// that ran: it had nothing to do, and passed (see package executor).
func Worst(results ...Result) Result {
	worst, passed := Result(""), false
	for _, r := range results {
		passed = passed || r == Passed
		if severity[r] > severity[worst] {
			worst = r
		}
	}
	if worst == Skipped && passed {
		return Passed
	}
	return worst
}
