package plan

// A Turn says whether a node that waits may go on.
type Turn int

// The turns.
const (
	Wait Turn = iota // for a need that has not ended
	Go
	Never
)

// Ready answers, for a node that waits, what its needs say now. Only direct needs count.
//
// With OnPassed a node can never run once a need ended without satisfying it; blocker is then the first such need. With
// OnFailed and OnAlways it waits until all have ended; if none has failed, OnFailed never runs, and blocker is empty.
func Ready(j Job, result func(node string) (Result, bool)) (turn Turn, blocker string) {
	turn = Go
	failed := false
	for _, need := range j.Needs {
		r, done := result(need)
		switch {
		case !done:
			turn = Wait
		case r == Failed || r == Lost:
			failed = true
		}
		if done && j.RunOn != OnFailed && j.RunOn != OnAlways && !j.satisfied(need, r) {
			return Never, need
		}
	}
	if turn == Go && j.RunOn == OnFailed && !failed {
		return Never, ""
	}
	return turn, ""
}

// satisfied says whether a need that ended so lets this node run on OnPassed.
func (j Job) satisfied(need string, r Result) bool {
	if r.Satisfies() {
		return true
	}
	if r == Skipped {
		for _, o := range j.Optional {
			if o == need {
				return true
			}
		}
	}
	return false
}

// Cycle finds jobs that wait for each other, or answers nil. The cycle starts at the job that is written first, and each
// job in it needs the next one; the last needs the first.
func Cycle(names []string, needs func(name string) []string) []string {
	const (
		unseen = iota
		open
		closed
	)
	state := make(map[string]int, len(names))
	var path []string
	var visit func(name string) []string
	visit = func(name string) []string {
		switch state[name] {
		case closed:
			return nil
		case open:
			for i, n := range path {
				if n == name {
					return append([]string(nil), path[i:]...)
				}
			}
		}
		state[name] = open
		path = append(path, name)
		for _, need := range needs(name) {
			if c := visit(need); c != nil {
				return c
			}
		}
		path = path[:len(path)-1]
		state[name] = closed
		return nil
	}
	for _, name := range names {
		if c := visit(name); c != nil {
			return c
		}
	}
	return nil
}
