// Package shim is what the agent and tutti-shim, the small static program that is PID 1 in every activity's container,
// have in common: the messages between them, and the form of the spool that the shim writes for the agent.
//
// The program itself is package pid1 (main in tutti-shim); package binary finds or builds it. All of them import
// nothing but the standard library and each other, so that the shim stays small and can be built from the sources that
// are embedded here.
//
// # A conversation
//
// The agent listens on a unix socket in a folder that is mounted into one container only. The shim dials it:
//
//	shim   Hello{version, token and state of the last Go}
//	agent  Unpack{dir, user} + a tar stream         at most once a job, before its first Go
//	shim   Unpacked{error}
//	agent  Go{script or command, env, user, dir, outputs, masks, lease, log limit, token} + log file + marks file
//	shim   Started
//	shim   Wrote{ends} ...                          at once for the first bytes, then every few milliseconds
//	agent  Lease{until}                             again and again, if Go had one
//	agent  Signal{TERM or KILL}                     at any time
//	shim   Stalled{reason}, Stalled{}               the disk of the log is full; it is not any more
//	shim   Exit{code, signal, hash, outputs, ...}   every byte is in the log, and no process is left
//	agent  Go ...                                   only if Exit, and the agent's own look, found the container as it was made
//
// A shim that lost its agent goes on: the process runs, the spool is written, and the shim dials the same path, once a second
// at least, until somebody answers. Its Hello then carries the token of the last Go, which no process of the container has ever
// seen, and what became of that process so far: an Exit that was sent into a connection that broke is in the next Hello. Each
// connection hears of an Exit once, in its Hello or after it. A Go that is not in the Hello never began, and never will.
//
// Any process of the container can dial the agent as well. So an agent that makes a container accepts one connection, before
// the first Go and therefore before there is such a process; an agent that takes a container up again accepts the one whose
// Hello has the token that it kept, and drops the others.
//
// Nobody has to end what an agent left behind: when the lease is over, by a clock that goes on while the host sleeps, the
// shim kills every process of the container and says so in Exit, to whom it may concern. A lease only ever becomes longer.
//
// A disk that is full holds the process up, because nobody empties its pipe, and loses nothing as long as there is space
// again within FullLimit. When the process is killed meanwhile, or the limit is over, Exit says how many bytes are missing.
//
// The two sides must be of the same Version. An agent that finds a container of another one ends it.
//
// The log never holds a secret of Masks: the shim puts "***" in its place before a byte is written, and all that it says of
// the log (lengths, marks, hash) is about what is written. A Go with files that are not empty goes on behind what they hold.
//
// Descriptors travel beside the message (SCM_RIGHTS), so no path inside the container can be swapped under the shim.
package shim
