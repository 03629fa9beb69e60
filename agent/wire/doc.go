// Package wire is the agent protocol: its messages, its versions and its connection. This comment is the
// specification; both ends use the types below.
//
// # Connections
//
// An agent opens two websockets to one server, both with "Authorization: Bearer <agent token>" and without an Origin:
//
//	GET /agent/v1/control   subprotocol tutti.agent.v1   text frames, one JSON Envelope each
//	GET /agent/v1/logs      subprotocol tutti.log.v1     binary frames, see below
//
// so that a flood of log bytes never delays a lease. The second is opened after the Welcome on the first, with
// ?agent=ID&session=N, and belongs to that session: either ends with the other. The commit's files come by plain HTTP with
// the same token, for a job that the agent was offered or runs:
//
//	GET /agent/v1/runs/{run}/jobs/{job}/workspace?agent=ID&epoch=N      a tar stream
//
// No message is larger than MaxMessage. Compression is off. Either end closes a connection on which it has read nothing
// for IdleTimeout; each PingInterval the agent sends a Ping on the first, and a ping of the websocket protocol on the second.
// A request with an Origin or a Cookie comes from a browser and is refused. An agent that lost a connection tries again after a
// full-jitter back-off between 0.5 s and 30 s; after 401 or 403 every 5 minutes at the earliest.
//
// # State, not messages
//
// Every message states what is so, under an epoch, and may be repeated, lost, or arrive late without harm: an Offer, a
// Start, a Cancel say what the server wants of (run, job, epoch); an Accept and a Report say what is so on the agent.
// Nothing has to be replayed message by message: after a reconnect both ends state again what is so now, in Hello and
// Welcome and a Report for each job that is not settled.
//
// An epoch numbers the tries at one job. It is burned when an offer is made, before anything is sent, and a message
// with an epoch other than the current one changes nothing; it is answered with a Stale.
//
// # A session
//
//	agent   Hello{protocol range, identity, capacity, jobs it still holds}
//	server  Welcome{session, a verdict for each of those jobs}   or   Refused{a sentence for the admin}
//
// Accepting a Hello counts the session number of that agent up, durably; a message of an older session of the same agent is dropped
// and its connection is closed with CloseReplaced.
//
// # A job
//
//	server  Offer{run, job, epoch, plan, its SHA-256}        queued -> offered is durable before it is sent
//	agent   Accept                                           after its journal holds it; or Decline{reason}
//	server  Start                                            offered -> running is durable before it is sent
//	agent   Report{revision, activities, ...} ...            whenever something changed; the whole state of the job each time
//	server  Reported{revision}                               that state is durable
//	agent   Report{..., result}                              once every log of the job is acknowledged to its last byte
//	server  Reported{revision, final}                        the job is done; the agent forgets it
//
// An offer that is not accepted within OfferTimeout goes back to the queue, and so does one whose session ended before. No
// process of a user starts before Start. A Cancel may come at any time and is repeated in every Pong as long as it holds. It
// ends what runs, but activities with run_on "always" still run, for at most 10 minutes; one that is hard ends them as well, and
// so does one that comes before Start. A hard Cancel stays hard.
//
// # Late values
//
// Some activities of a plan are late: their image, command, environment, or whether they run at all depends on secrets or on
// what activities before them put out. The plan holds no such value.
//
//	agent   Report{..., outputs of what came before}         before the Ask, on the same connection
//	agent   Ask{run, job, epoch, activity}                   when it is the activity's turn; again after each reconnect
//	server  Answer{activity, plan, masks}                    or Answer{activity, problem}: the activity fails for that reason
//
// The agent waits for as long as it takes, until the job is canceled or its time is over. Answers come in any order with other
// messages, and one that comes again, or for an activity that nobody asks about, changes nothing. An Ask for a job that the
// agent does not run is answered with a Stale. An answer that does not fit into a message is a problem as well.
//
// Masks are the secrets that the activity may know. From there on no log of the job shows them, or any usual encoding of them:
// the agent puts "***" in their place before it writes a byte to its disk. Lengths, marks and hashes are those of the masked
// log. The agent keeps answers in memory only. A sensitive output is sent in Reports, and never written to the agent's disk.
//
// # Outputs and tries
//
// A Report of an activity that is done holds the values that it put out, as JSON of their declared types: at most 128 KiB for a
// whole job, as they are written on the wire. An activity that was tried more than once has one log; Tries says why each try but the last failed,
// and where in the log its bytes end. Its other fields are those of the last try, but for Began, which is when the first one began.
//
// A Report with a result whose logs the server does not have to the last byte is answered Reported{missing}: the agent
// announces these logs again, sends what is asked for, and reports again. What it cannot send it names in LogIncomplete;
// the job is then done, and its log is shown as incomplete.
//
// # Logs
//
// Each activity of each epoch has one log: raw bytes, numbered from 0. The agent keeps them in a spool on its disk until
// the job is final. It announces a log with a LogOpen frame that gives it a number on this connection; the server answers
// with a LogAck of the length that it holds, durably; the agent sends from there.
//
//	LogData{stream, offset, CRC-32C, marks, bytes}
//	  offset == length on the server   appended; acknowledged with LogAck{stream, length} once it is on disk
//	  offset <  length                 the overlap is compared; equal: acknowledged, what is new appended; else LogDiverged
//	  offset >  length                 LogRewind{stream, length}: the agent goes on from there
//
// At most Window bytes of one log and AgentWindow bytes of all are sent and not acknowledged. A LogOpen for a job that the
// agent does not hold is answered with a Stale on the first connection, and what is sent on its stream is dropped.
//
// Marks are 16-byte records, end of a stretch of the log (u64) and microseconds from the activity's start to its arrival,
// shifted left by one, plus 1 for the standard error (i64). A mark travels with the byte at which its stretch ends.
//
// A frame begins with a byte that says what it is, and the number of its stream (u32). All numbers are little-endian:
//
//	1 LogOpen      run u64, epoch u64, length of the job's name u8, job, activity
//	2 LogAck       length u64
//	3 LogData      offset u64, CRC-32C of all that follows it u32, length of the marks u32, marks, bytes
//	4 LogRewind    length u64
//	5 LogDiverged  at u64
package wire
