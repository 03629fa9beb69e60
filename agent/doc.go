// Package agent is the process on a build host: it connects to its server, takes jobs, has them run by the executor, keeps
// their logs in a spool until the server has them, and reports.
//
// It owns one folder of data, with its identity, the journal of the jobs that it holds, the spool of their logs, what it keeps of
// finished jobs, and a cache of workspaces. Package main starts it and gives it orders (orders.go); the protocol is package wire's, and
// what follows from a message or a moment is decided by package protocol. It never decides what runs or when, knows no HCL, and touches
// Docker only through its Engine. Secrets come with the answers to its questions (ask.go) and stay in memory: no file on a disk ever
// holds one.
//
// # Goroutines
//
//	Run ── obeys orders, until one of them ends the agent (agent.go)
//	    ├─ looks after the engine (health.go) and the disk (disk.go)
//	    ├─ ends jobs whose server is silent for too long (lease.go)
//	    ├─ closes rooms again that could not be closed (rooms.go)
//	    ├─ one session at a time (connect.go, session.go)
//	    │    ├─ receives from the server (hear.go)
//	    │    ├─ sends what changed, and pings (pump.go)
//	    │    └─ ships logs, and receives what became of them (ship.go)
//	    └─ one for each job (job.go), which runs it and waits until the server knows all of it (conclude.go)
//
// A job never waits for a session: it changes its own state and wakes the pump, which says what is so to whatever session
// there is. So the loss of a connection means delay, and nothing else.
//
// # The end of the process, and the next one
//
// What the agent's process cannot be without is in its data folder before it is needed: a job before it is accepted, the ticket of a
// process before that may begin, the end of a job before its room is given up. So a process that is killed at any moment, or hands over,
// is followed by one that finds in the journal what ran (resume.go), takes the rooms up again, and goes on with them (adopt.go): logs
// behind the bytes that the spool holds, activities where they are. What cannot be told is never run a second time; it is lost, and says
// why. A host that was booted anew has none of it left.
//
// The journal survives the agent at once, and the host where that matters. What is damaged in it is found and said (journal_frame.go);
// beside the logs lie the tickets once more (ticket.go), so that no journal, however little is left of it, makes something run twice.
//
// While a disk is full, what needs it waits (patience.go), and new jobs are not taken (disk.go). Logs of jobs that are over are kept for
// a day, as far as there is space (keep.go): a server that was restored from a backup may ask for them (recall.go).
package agent
