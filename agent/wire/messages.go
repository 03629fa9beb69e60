package wire

import (
	"encoding/json"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// Protocol versions that this release speaks.
const (
	MinProtocol = 2
	MaxProtocol = 2

	firstWithCRC = 2 // whose control messages carry one
)

// The subprotocols of the two websockets, and their paths.
const (
	ControlProtocol = "tutti.agent.v1"
	LogProtocol     = "tutti.log.v1"
	ControlPath     = "/agent/v1/control"
	LogPath         = "/agent/v1/logs"
)

// Limits and clocks of the protocol.
const (
	MaxMessage   = 512 << 10        // bytes of one websocket message; control and log
	MaxPayload   = 256 << 10        // bytes of log in one LogData
	Window       = 4 << 20          // bytes of one log under way, at most
	AgentWindow  = 32 << 20         // bytes of all logs of an agent under way, at most
	PingInterval = 15 * time.Second // at most
	IdleTimeout  = 45 * time.Second
	WriteTimeout = 30 * time.Second // without the other end taking a byte
	UserTimeout  = 30 * time.Second // without an acknowledgement by TCP
	OfferTimeout = 20 * time.Second
	MaxKept      = 500 // claims in Hello.Kept

	// maxUnsent is how much the system takes of a connection that it cannot send yet: what waits there cannot be overtaken.
	maxUnsent = 16 << 10
)

// Close codes beyond those of RFC 6455.
const (
	CloseReplaced = 4409 // a newer session of the same agent took over
	CloseRefused  = 4403 // see the Refused message that came before
)

// An Envelope is one control message.
type Envelope struct {
	Kind Kind            `json:"kind"`
	Body json.RawMessage `json:"body,omitempty"`
}

// A Kind names what an Envelope holds. A receiver answers a kind that it does not know with Unsupported, and goes on.
type Kind string

// The kinds; the type of the same name is the body.
const (
	KindHello       Kind = "hello"
	KindWelcome     Kind = "welcome"
	KindRefused     Kind = "refused"
	KindStatus      Kind = "status"
	KindPing        Kind = "ping"
	KindPong        Kind = "pong"
	KindOffer       Kind = "offer"
	KindAccept      Kind = "accept"
	KindDecline     Kind = "decline"
	KindStart       Kind = "start"
	KindReport      Kind = "report"
	KindReported    Kind = "reported"
	KindCancel      Kind = "cancel"
	KindStale       Kind = "stale"
	KindAsk         Kind = "ask"
	KindAnswer      Kind = "answer"
	KindUnsupported Kind = "unsupported"
)

// A Claim names one try at one job. It is part of every message about a job.
type Claim struct {
	Run   int64  `json:"run"`
	Job   string `json:"job"`
	Epoch int64  `json:"epoch"`
}

// Hello is the agent's first message.
type Hello struct {
	MinProtocol int    `json:"min_protocol"`
	MaxProtocol int    `json:"max_protocol"`
	Agent       string `json:"agent"`    // its identity: random, kept in its data folder
	Instance    string `json:"instance"` // random at each start of the process
	Name        string `json:"name"`     // for people; the host's name by default
	Version     string `json:"version"`
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	BootID      string `json:"boot_id,omitempty"`
	Status
	Jobs []Held `json:"jobs,omitempty"`
	// Kept are jobs that are over for the agent, but whose logs and last report it still has: a server that was restored from a
	// backup may want them again (DoRecall). At most MaxKept, the newest.
	Kept []Claim `json:"kept,omitempty"`
}

// Status is what an agent can do now. It is part of Hello and sent alone whenever it changes.
type Status struct {
	Labels   []string `json:"labels,omitempty"` // "key=value"
	Capacity int      `json:"capacity"`         // jobs at once; 0 means no work now
	// Problem says in a sentence why the agent cannot work, as in "Docker does not answer: …"; empty if it can.
	Problem string `json:"problem,omitempty"`
}

// Held is a job that the agent has not been told to forget.
type Held struct {
	Claim
	Phase Phase `json:"phase"`
}

// A Phase says how far a job is on the agent.
type Phase string

// The phases.
const (
	PhaseAccepted Phase = "accepted"
	PhaseRunning  Phase = "running"
	PhaseFinished Phase = "finished" // a Report with its result is on the way
)

// Welcome is the server's answer to Hello.
type Welcome struct {
	Protocol int    `json:"protocol"`
	Server   string `json:"server"` // version
	Session  int64  `json:"session"`
	// Suspect is after how long without a ping the server begins to doubt, and Fence is its default for how long a job may go on
	// without a word. They say how often the agent pings.
	Suspect  plan.Duration `json:"suspect"`
	Fence    plan.Duration `json:"fence"`
	Verdicts []Verdict     `json:"verdicts,omitempty"`
}

// A Verdict says what to do with a held job.
type Verdict struct {
	Claim
	Do     Do     `json:"do"`
	Reason string `json:"reason,omitempty"` // for DoStop: who canceled, or why
	Hard   bool   `json:"hard,omitempty"`   // for DoStop: see Cancel
}

// Do is what a Verdict orders.
type Do string

// The orders.
const (
	DoContinue Do = "continue" // as before; a job that was only accepted gets its Start
	DoStop     Do = "stop"     // cancel it and report
	DoDiscard  Do = "discard"  // its epoch is over: end it, report nothing, forget it
	DoRecall   Do = "recall"   // of a kept job: the server lost its end; send its logs and its last report again
)

// Refused tells an agent why it is not served; the connection is closed after it.
type Refused struct {
	Reason     string        `json:"reason"`
	RetryAfter plan.Duration `json:"retry_after,omitzero"`
}

// Ping renews the lease of the jobs that it lists.
type Ping struct {
	Seq  int64   `json:"seq"` // counts the pings of a session, from 1
	Jobs []Claim `json:"jobs,omitempty"`
}

// Pong answers a Ping: what the server wants of each of its jobs.
type Pong struct {
	Seq  int64     `json:"seq"` // of the Ping that it answers: the lease counts from when that was sent
	Jobs []Desired `json:"jobs,omitempty"`
}

// Desired is the server's wish for a job, and for how long the lease is renewed.
type Desired struct {
	Claim
	Cancel bool          `json:"cancel,omitempty"`
	Hard   bool          `json:"hard,omitempty"`   // see Cancel
	Reason string        `json:"reason,omitempty"` // who canceled, or why
	Stale  bool          `json:"stale,omitempty"`  // this epoch is over: discard
	Valid  plan.Duration `json:"valid,omitzero"`
}

// Offer is a job for the agent to take.
type Offer struct {
	Claim
	Project string          `json:"project"`
	Commit  string          `json:"commit"` // the workspace's key for a cache; empty means no workspace
	Plan    json.RawMessage `json:"plan"`   // a plan.Job
	SHA256  string          `json:"sha256"` // of Plan, hex
}

// Accept says that the job is in the agent's journal.
type Accept struct{ Claim }

// Decline gives an offer back.
type Decline struct {
	Claim
	Reason string `json:"reason"`
}

// Start lets an accepted job run. Its lease is Valid from when the agent sent its Accept, or its Hello.
type Start struct {
	Claim
	Valid plan.Duration `json:"valid,omitzero"`
}

// Report is the whole state of a job on the agent. Revision counts up with every change, from 1.
type Report struct {
	Claim
	Revision   int64            `json:"revision"`
	Phase      Phase            `json:"phase"`
	Activities []ActivityReport `json:"activities"`
	// Result and Cause are set in phase finished only.
	Result plan.Result `json:"result,omitempty"`
	Cause  string      `json:"cause,omitempty"`
	// Note says in a sentence what people should know of a job that goes on: "the agent was restarted; the job went on".
	Note string `json:"note,omitempty"`
}

// ActivityReport is the state of one activity; in the order of the plan.
type ActivityReport struct {
	Name     string      `json:"name"`
	State    plan.State  `json:"state"`
	Result   plan.Result `json:"result,omitempty"`
	Cause    string      `json:"cause,omitempty"`
	ExitCode *int        `json:"exit_code,omitempty"`
	Signal   string      `json:"signal,omitempty"`
	// Began and Took are durations by the agent's monotonic clock: from the job's Start to the activity's, and of the
	// activity. The server makes times of them with its own clock.
	Began *plan.Duration `json:"began,omitempty"`
	Took  *plan.Duration `json:"took,omitempty"`
	// LogBytes and LogSHA256 describe the finished log.
	LogBytes  int64  `json:"log_bytes,omitempty"`
	LogSHA256 string `json:"log_sha256,omitempty"`
	// LogIncomplete says why the agent cannot send what is missing on the server; empty as long as it can.
	LogIncomplete string `json:"log_incomplete,omitempty"`
	// Omitted is how many bytes were left out of the log because it was limited; the log says where.
	Omitted int64 `json:"omitted,omitempty"`
	// Outputs are the values that it put out, once it is done.
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	// Tries are those that failed before the last one.
	Tries []Try `json:"tries,omitempty"`
}

// A Try is one of several of the same activity; they share a log.
type Try struct {
	Cause  string `json:"cause"`
	LogEnd int64  `json:"log_end"` // where its bytes end
}

// Reported acknowledges a Report. Final says that the job is done on the server: the agent forgets it.
type Reported struct {
	Claim
	Revision int64 `json:"revision"`
	Final    bool  `json:"final,omitempty"`
	// Missing says that a finished job cannot be final yet, because logs are incomplete on the server.
	Missing bool `json:"missing,omitempty"`
}

// Cancel asks for the end of a job.
type Cancel struct {
	Claim
	Reason string `json:"reason"`
	// Hard ends what runs after a cancellation, too: activities with run_on "always".
	Hard bool `json:"hard,omitempty"`
}

// Ask asks for an activity that is Late in its plan, and that is about to begin. What the activities before it put out was
// reported before. It is repeated after a reconnect, until it is answered.
type Ask struct {
	Claim
	Activity string `json:"activity"`
}

// Answer answers an Ask: with the activity as it is to run, or with why it cannot.
type Answer struct {
	Claim
	Activity string          `json:"activity"`
	Plan     json.RawMessage `json:"plan,omitempty"`  // a plan.Activity, whose Late is false
	Masks    []string        `json:"masks,omitempty"` // values that the job's logs must not show from here on
	Problem  string          `json:"problem,omitempty"`
}

// Stale says that the epoch of a message is over.
type Stale struct{ Claim }

// Unsupported answers a message of a kind that the receiver does not know.
type Unsupported struct {
	Kind Kind `json:"kind"`
}
