package server

import (
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A LogInfo says how much of a log the server holds.
type LogInfo struct {
	Bytes int64 // that may be read
	Lines int64 // of them; a last line without a line break counts
	// Finished says that no byte will be added.
	Finished bool
	// Incomplete says what is missing, if that was found out here: that bytes were damaged on the server's disk. Of what lies
	// behind them nothing can be read.
	Incomplete string
}

// LogOver says that nothing more of the log of one of the job's activities is to be expected, whatever LogInfo.Finished
// says: the job is done, or the activity ended without a log, or its log will never be complete.
//
// That the activity is done is not enough. Its end and the bytes of its log come on two connections, and the end may be
// here first: the log is then over when it is finished.
func (j Job) LogOver(a Activity) bool {
	return j.State == plan.Done || a.State == plan.Done && (a.LogSHA256 == "" || a.LogIncomplete != "")
}

// A LogLine is one line of a log.
type LogLine struct {
	Number int64 // from 1
	// Text is the line as it was written, without its line break. It may hold any byte; of a very long line it is a
	// beginning, and Bytes is then more than its length.
	Text   []byte
	Bytes  int64
	Time   time.Duration // since the activity's start, when its first byte was written
	Stderr bool          // written to the standard error
}

// A LogQuery says what to search for in a log.
type LogQuery struct {
	Text   string
	Regexp bool  // Text is a regular expression (RE2)
	Case   bool  // upper and lower case differ
	From   int64 // first line to list; 0 is the first
	Limit  int   // list at most so many lines; all are counted
}

// LogMatches are the lines of a log that match a query.
type LogMatches struct {
	Lines []int64 // the numbers of the first ones, in order
	Total int64   // of matching lines in the whole log
}
