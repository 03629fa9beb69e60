// Package protocol decides, for both ends of the agent protocol, what a message or a moment means for a job: when a process may
// begin, when it has to end, when a job counts as lost, who is served. Package agent/wire says what the messages are.
//
// Everything here is a pure function or a small value with methods that are. There is no clock, no disk, no connection and no
// goroutine: instants are given as durations since any fixed moment of a clock that never jumps, and what has to be done is
// answered to the caller, who does it. So the very same decisions run in the agent, in the server, and under virtual time in
// package agent/protocol/simulator, with everything broken that can break.
//
// The parts are
//
//	Terms     the times of leases, of both ends
//	Hold      one try at a job on its agent, from the offer until it is forgotten; Resume takes it up after a restart
//	Standing  what the server knows durably of a job: what it orders an agent that has the job, or that lacks it
//	Grant     what a session of the server knows of a job that it gave to its agent
//	Roster    which processes use which identity, and which of them is served
//
// A guard that decides whether a stored job may change belongs to the server's store: it is part of the transaction.
package protocol
