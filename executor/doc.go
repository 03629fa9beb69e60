// Package executor runs one job: it walks its activities in order, bounds them in time, ends them when the job is
// canceled, and says what became of each.
//
// It owns that walk and the two interfaces around it: an Engine makes containers (executor/docker is the one in use),
// a Reporter takes the news (the agent is it). It knows no wire, no Docker and no HCL, and it never decides where or
// whether a job runs: that is the server's.
package executor
