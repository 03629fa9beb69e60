// Package executor runs one job: it walks its activities in order, decides by their conditions which of them run, completes
// those whose values were not all known (resolve.go), tries them as often as they may be tried (try.go), reads what they put
// out (output.go), bounds them in time, ends them when the job is canceled (stop.go), and says what became of each. A job that
// an earlier process of the agent began goes on from where that left it (resume.go).
//
// It owns that walk and the three interfaces around it: an Engine makes containers (executor/docker is the one in use), a
// Reporter takes the news, a Resolver knows late values (the agent is both). It knows no wire, no Docker and no HCL, and it
// never decides where or whether a job runs: that is the server's.
package executor
