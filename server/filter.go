package server

// MaxRuns bounds a list of runs; a longer one is read page by page.
const MaxRuns = 200

// A RunFilter says which runs to list; they come newest first.
type RunFilter struct {
	Project string // only of this project; empty means of all
	Before  RunID  // only runs that are older than this one; 0 means from the newest
	Limit   int    // at most so many; 0 means 50
}

// Count answers how many runs the filter lists at most.
func (f RunFilter) Count() int {
	if f.Limit <= 0 {
		return 50
	}
	return min(f.Limit, MaxRuns)
}
