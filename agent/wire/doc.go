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
// ?agent=ID&session=N, and belongs to that session: it ends with it. If it breaks, or starves, the session goes on, and the agent
// opens another. The commit's files come by plain HTTP with the same token, for a job that the agent was offered or runs:
//
//	GET /agent/v1/runs/{run}/jobs/{job}/workspace?agent=ID&epoch=N      a tar stream
//
// No message is larger than MaxMessage. Compression is off. Either end closes a connection on which not a byte came for
// IdleTimeout, or of which the other end took not a byte for WriteTimeout, or acknowledged none by TCP for UserTimeout: a message may
// take minutes on a slow link. With each ping the agent sends a Ping on the first connection, and a ping of the websocket
// protocol on the second, so that no proxy sees one of them idle.
//
// A request with an Origin or a Cookie comes from a browser and is refused. An agent that lost a connection tries again after a
// full-jitter back-off between 0.5 s and 30 s, which grows with failures, and with sessions that lasted for less than a minute;
// after 401 or 403 every 5 minutes at the earliest; after a Refused when it says.
//
// # Integrity
//
// Each control message and each log frame carries a CRC-32C over all of it. An Envelope ends with it, as in
//
//	{"kind":"accept","body":{...},"crc":"0a1b2c3d"}
//
// where the 8 hexadecimal digits are of all that stands before ,"crc":. What is damaged closes the connection with CloseProtocol;
// whatever it was about is stated again on the next one. A Hello without a CRC is read if it offers no protocol above 1, and
// so is a Refused, so that releases of before can be told to upgrade.
//
// # Versions
//
// Hello names the protocols that an agent speaks, and Welcome the one that both use from then on. If there is none, or the agent
// cannot be served for another reason, the server answers Refused with one sentence for the admin, which the agent writes into
// its log, and the server shows beside the agent. This is protocol 2; a receiver ignores fields that it does not know, and answers
// a kind that it does not know with Unsupported.
//
// # State, not messages
//
// Every message states what is so, under an epoch, and may be repeated, lost, or arrive late without harm: an Offer, a
// Start, a Cancel say what the server wants of (run, job, epoch); an Accept and a Report say what is so on the agent.
// Nothing has to be replayed message by message: after a reconnect both ends state again what is so now, in Hello and
// Welcome and a Report for each job that is not settled.
//
// Nor does any of it depend on a connection that brings all messages, once, in their order:
//
//	lost        with each Ping the agent says again what it has no answer to since the one before it: an Accept (Start), a Report
//	            (Reported), an Ask (Answer), and its Status with each 4th; a log that waits for 4 pings is announced again
//	            (LogAck). A Cancel is repeated in each Pong. An Offer that is lost goes back to the queue. A running job that 3 Pings
//	            in a row do not list is not on the agent any more, and lost
//	repeated    an Offer is taken once: the agent remembers the last epoch of each job, so that one that comes late begins nothing.
//	            A Report with a revision that the server has changes nothing. A second Start, Cancel, Answer, Reported or Stale says
//	            nothing new; a second Accept is answered with another Start
//	late        a Pong names the Ping that it answers, and of two renewals the later counts. A LogAck below what is known, or for a
//	            log that is not announced, says nothing; LogData for a stream that is not open is dropped
//
// An epoch numbers the tries at one job. It is burned when an offer is made, before anything is sent, and a message
// with an epoch other than the current one changes nothing; it is answered with a Stale.
//
// # A session
//
//	agent   Hello{protocol range, identity, capacity, jobs it still holds, jobs it keeps}
//	server  Welcome{session, suspect, fence, a verdict for each of those jobs}   or   Refused{a sentence for the admin}
//
// Accepting a Hello counts the session number of that agent up, durably; a message of an older session of the same agent is dropped
// and its connection is closed with CloseReplaced.
//
// An identity is that of a data folder. Instance is of one process, and BootID of one boot of a host. Two processes with one
// identity are not both served: a newcomer from another boot is Refused as long as the one that is served was heard of within
// 30 s, and where two take turns, 3 times within a minute, both are refused for 5 minutes. Either sentence names the hosts and what to
// do: the copied data folder has to go.
//
// # Leases
//
// A job may run on an agent only as long as its server is heard of. The agent pings each min(15 s, Fence/4, Suspect/3), the
// first time right after the Welcome, and lists the jobs that the server knows it has:
//
//	agent   Ping{seq, jobs}
//	server  Pong{seq, for each job: valid, or what is wanted of it}
//
// The lease of a job ends Valid after the agent sent the Ping that the Pong answers; its first one Valid after it sent the Accept that
// the Start answers, or the Hello, the first one of the session if there are several. Both ends count durations by their own
// clocks, those that go on while a host sleeps and that nobody sets; no time of one is ever compared with a time of the other.
//
// The agent ends a job at its lease less min(30 s, a tenth of it) as lost, and its processes end at the lease even if the agent
// does not live. The server counts it as lost min(60 s, Fence/2) and 2 % later than the fence, from when it heard the last Ping,
// or started. So no two tries at a job ever run at the same time. After a restart the agent begins no process before a Pong.
//
// # A job
//
//	server  Offer{run, job, epoch, plan, its SHA-256}        queued -> offered is durable before it is sent
//	agent   Accept                                           after its journal holds it; or Decline{reason}
//	server  Start{valid}                                     offered -> running is durable before it is sent
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
// A Report may carry a Note, a sentence for people about a job that goes on: that the agent was restarted, say.
//
// # Jobs that are over
//
// An agent keeps the logs and the last report of a job for a day after its end, within limits, and names it in Hello's Kept. A
// server that was restored from a backup, and does not know that end, answers with the verdict DoRecall: the agent announces the
// logs again and reports again, as if the job had just ended. A job that runs, under an epoch that such a server never gave out, it
// takes in: DoContinue.
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
// whole job, as they are written on the wire. An activity that was tried more than once has one log; Tries says why each try but
// the last failed, and where in the log its bytes end. Its other fields are those of the last try, but for Began, which is when
// the first one began.
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
//	LogData{stream, offset, marks, bytes}
//	  offset == length on the server   appended; acknowledged with LogAck{stream, length} once it is on disk
//	  offset <  length                 the overlap is compared; equal: acknowledged, what is new appended; else LogDiverged
//	  offset >  length                 LogRewind{stream, length}: the agent goes on from there
//	  it cannot be stored now          LogHold{stream, pause}: what is under way is dropped; the agent announces the log again
//	                                   after the pause
//
// At most Window bytes of one log and AgentWindow bytes of all are sent and not acknowledged, and no more than arrive within
// about a second: a connection begins with 16 KiB; what is acknowledged within a second lets it grow to what the link carries in
// a second, at most 16 times at once; what takes more than 2 s cuts it to that, down to 4 KiB. A frame has at most a quarter
// of it. The logs of an agent take turns. A LogOpen for a job that the agent does not hold is answered with a Stale on the first
// connection, and what is sent on its stream is dropped.
//
// Marks are 16-byte records, end of a stretch of the log (u64) and microseconds from the activity's start to its arrival,
// shifted left by one, plus 1 for the standard error (i64). A mark travels with the byte at which its stretch ends.
//
// A frame begins with a byte that says what it is, and the number of its stream (u32), and ends with the CRC-32C of all before
// it (u32). All numbers are little-endian:
//
//	1 LogOpen      run u64, epoch u64, length of the job's name u8, job, activity
//	2 LogAck       length u64
//	3 LogData      offset u64, length of the marks u32, marks, bytes
//	4 LogRewind    length u64
//	5 LogDiverged  at u64
//	6 LogHold      milliseconds u64
package wire
