package plan

// Ready answers, for a job that waits, what its needs say now.
//
// A job is ready once each of its needs satisfied it. It can never run once one of them ended otherwise; blocker is
// then the first such need.
func Ready(j Job, result func(job string) (Result, bool)) (ready bool, blocker string) {
	ready = true
	for _, need := range j.Needs {
		r, done := result(need)
		switch {
		case done && !r.Satisfies():
			return false, need
		case !done:
			ready = false
		}
	}
	return ready, ""
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
