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
//	shim   Hello{version}
//	agent  Unpack{dir, user} + a tar stream         at most once a job, before its first Go
//	shim   Unpacked{error}
//	agent  Go{script or command, env, user, dir, outputs, masks, token} + log file + marks file
//	shim   Started
//	shim   Wrote{ends} ...                          at once for the first bytes, then every few milliseconds
//	agent  Signal{TERM or KILL}                     at any time
//	shim   Exit{code, signal, hash, outputs, ...}   every byte is in the log, and no process is left
//	agent  Go ...                                   only if Exit, and the agent's own look, found the container as it was made
//
// A shim that lost its agent goes on: the process runs, the spool is written, and the shim dials the same path until
// somebody answers. (So far nobody does: an agent that starts anew ends what it left, and reports it lost.) Its Hello then carries the token of the last Go, which no process of the container has ever seen,
// and what became of that process so far. An agent accepts one connection without a token from each container, and
// only before the first Go.
//
// The log never holds a secret of Masks: the shim puts "***" in its place before a byte is written, and all that it says of
// the log (lengths, marks, hash) is about what is written. A Go with files that are not empty goes on behind what they hold.
//
// Descriptors travel beside the message (SCM_RIGHTS), so no path inside the container can be swapped under the shim.
package shim
