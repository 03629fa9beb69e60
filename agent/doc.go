// Package agent is the process on a build host: it connects to its server, takes jobs, has them run by the executor, keeps
// their logs in a spool until the server has them, and reports.
//
// It owns one folder of data, with its identity, the journal of the jobs that it holds, the spool of their logs and a cache
// of workspaces. Package main starts it; the protocol is package wire's. It never decides what runs or when, knows no
// HCL, and touches Docker only through its Engine. Secrets come with the answers to its questions (ask.go) and stay in memory: no file
// of its own ever holds one.
//
// # Goroutines
//
//	Run ── looks after the engine (health.go)
//	    ├─ one session at a time (session.go)
//	    │    ├─ receives from the server
//	    │    ├─ sends what changed, and pings (pump.go)
//	    │    └─ ships logs, and receives what became of them (ship.go)
//	    └─ one for each job (job.go), which runs it and waits until the server knows all of it
//
// A job never waits for a session: it changes its own state and wakes the pump, which says what is so to whatever session
// there is. So the loss of a connection means delay, and nothing else.
package agent
