package executor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// An Engine runs activities in containers. Implementations are safe for use by several jobs at once.
type Engine interface {
	// Open begins to make what a job needs (network, workspace, the container of its first activity) and answers without
	// waiting for it, so that it can be called as soon as a job is offered: no process of the user is started before Run.
	// What Open could not make is reported by the first Run. The caller closes the Room, whatever happened.
	Open(ctx context.Context, spec RoomSpec) (Room, error)
	// Adopt takes up a room that an earlier process of the same agent left, with whatever still runs in it: nothing is ended,
	// and what a Ticket names can be rejoined. It answers a *GoneError if the room is not there any more, and other errors as
	// long as nobody can tell: it may then be called again. What the room does not need any more is removed.
	Adopt(ctx context.Context, spec RoomSpec) (Room, error)
}

// A GoneError says why what an earlier process left is not there any more: "the host was rebooted".
type GoneError struct{ Reason string }

func (e *GoneError) Error() string { return e.Reason }

// ErrNotBegun says that the process of a Ticket never began, and never will: it can be run as if nothing had been.
var ErrNotBegun = errors.New("it had not begun")

// ErrLeft is the answer of whatever is asked of a Room after Leave, but for Close, which then does nothing. It may also be the
// cause with which the contexts of a job end (see WithCancel): nothing is ended then, and nothing reported.
var ErrLeft = errors.New("the job is left to the next process of the agent")

// ErrFenced says that the lease of the job is over: no process of it runs, and none may begin.
var ErrFenced = errors.New("the lease of the job is over: nothing was heard of the server for too long")

// A Ticket names the process of one try at an activity to a later process of the agent. It is the engine's own affair what is
// in it. No process of a container ever sees it.
type Ticket string

// RoomSpec says for what a Room is made.
type RoomSpec struct {
	Run   int64
	Epoch int64
	// Job is as it was planned: its Late activities may run with another image than they have here, or none.
	Job plan.Job
	// Workspace opens a tar stream of the files that the workspace starts with. It is called once, at the latest when the
	// first activity runs; nil means an empty workspace.
	Workspace func(ctx context.Context) (*os.File, error)
	// Lease answers until when the job may go on without a word from the server, on the clock that goes on while the host sleeps
	// (see LeaseTime). It moves forward as the server is heard; nil means for ever. Whatever becomes of the agent, no process
	// of the job runs on after it: see Room.Renew. As long as it answers 0, which is not known, none may begin.
	Lease func() time.Duration
	// Tickets are those of the activities that had one, the newest last, for Adopt only. Without any, nothing of the user's
	// ever began: the room is then made anew, and what was made for it before is removed.
	Tickets []Ticket
}

// A Room is where the activities of one job run, one after the other, in the order of the plan. Some of them may be left
// out, and each may be tried more than once. Whatever became of one, the next one can be run.
type Room interface {
	// Run runs one activity, or one try at it, in a container that is as new, and answers when its process has ended and
	// every byte that it wrote is in out. When ctx ends before that, the process gets SIGTERM, then after the engine's grace
	// SIGKILL; Run answers after its end, with what the process did by then, and with context.Cause(ctx) as the error; if there
	// never was a process, Exit.Started is zero. Any other error is for what the process cannot be blamed for: an *ImageError, or
	// the engine's trouble.
	Run(ctx context.Context, step Step, out Output) (Exit, error)
	// Rejoin is Run for a process that began already, when an earlier process of the agent ran it, and may have ended since. The
	// bytes that it wrote meanwhile are in out. Out.Going and Out.Began are not told. The error is ErrNotBegun, or a
	// *GoneError, or as with Run; a ctx that has ended already ends the process, if that did not end by itself.
	Rejoin(ctx context.Context, step Step, out Output, ticket Ticket) (Exit, error)
	// Renew passes on that RoomSpec.Lease answers a later time now. It does not wait.
	Renew()
	// Leave gives the room up to a later process of this agent, which adopts it: nothing ends and nothing is removed. Run and
	// Rejoin, if one of them is under way, answer ErrLeft at once, and so do they afterwards; Close answers nil.
	Leave()
	// Close ends what still runs and removes all that the Room made. It works on a canceled job as well, so the caller
	// gives it a context of its own, with a limit. If it fails it may be called again.
	Close(ctx context.Context) error
}

// A Step is an activity that is about to run, with all that it needs.
type Step struct {
	plan.Activity
	// Masks are values that must not reach Output in any form: the engine replaces them by "***" before a byte is written.
	Masks []string
}

// Output is where the bytes of an activity go, and who hears of them. The engine only ever appends to the two files.
type Output struct {
	// Going is told, from within Run, just before a process may begin, and answers once the ticket will survive the end of the
	// agent's process (the end of the host it need not survive). If it fails nothing begins.
	Going func(Ticket) error
	// Began is told once, from within Run, that the process has begun; Run's caller sets it. What is done before, such as
	// pulling an image, is not the activity's time.
	Began func()
	// Log gets the raw bytes of stdout and stderr, exactly as they were written but for Step.Masks, in the order of their
	// arrival.
	Log *os.File
	// Marks gets a fixed-size record for each stretch of bytes (see executor/shim.Mark): where it ends, when it came, and on
	// which stream.
	Marks *os.File
	// Since is when the first try at the activity began, if this is not the first: its bytes and marks go behind those that
	// the files hold, and its marks count from then. All that an Exit says of the log is about the whole of it.
	Since time.Time
	// Wrote is told after bytes are in Log: the length of the log and of the marks by now. It must not block.
	Wrote func(logEnd, marksEnd int64)
}

// An Exit is what became of the process of an activity.
type Exit struct {
	Code   int    // exit code; 128+n after signal n
	Signal string // "SIGKILL" and the like, where a signal ended it
	// Reason says why no process could be started from what the image holds: "the image has no bash". Code is then 126
	// or 127, as a shell has it.
	Reason string
	// OOM says that the kernel killed a process of the container for want of memory; Limit is the container's limit in bytes.
	OOM   bool
	Limit int64
	// LogBytes and LogSHA256 are the length and the hash (hex) of what was written to Output.Log.
	LogBytes  int64
	LogSHA256 string
	// Outputs are the regular files that the process left in $TUTTI_OUTPUT, by name, for each of those that the activity declares.
	Outputs map[string][]byte
	// OutputsErr says why they could not all be read: "output \"image\" has more than 64 KiB".
	OutputsErr string
	// Hint is what may have made the process fail without being its fault: "Docker's disk is full: 0 bytes free in /var/lib/docker".
	Hint string
	// Omitted is how many bytes were left out of the log because of its limit; in their place the log says so.
	Omitted int64
	// Started and Finished are when the process began and ended.
	Started, Finished time.Time
}

// An ImageError says that an image cannot be had. It is the user's to mend.
type ImageError struct {
	Image string
	Err   error // the registry's or the engine's words
}

func (e *ImageError) Error() string { return "image " + e.Image + " cannot be had: " + e.Err.Error() }

// Unwrap answers the cause.
func (e *ImageError) Unwrap() error { return e.Err }

// A Reporter is told what happens to a job, in order, from one goroutine. Its methods return once the news is safe with
// the reporter (on its disk, or wherever it keeps them).
type Reporter interface {
	// Started is told before an activity gets its container's go, and answers where its bytes belong.
	Started(activity string, at time.Time) (Output, error)
	// Finished is told the end of every activity, also of one that never started (Outcome.Result is then Skipped or Canceled).
	Finished(activity string, outcome Outcome) error
	// Going is told before the process of each try at an activity begins, and answers once that will survive the agent's end.
	// It is also told, without a Ticket, when a try ended that is followed by another.
	Going(activity string, p Progress) error
	// Rejoined is told instead of Started for the activity that ran when the agent ended (Resume.Running).
	Rejoined(activity string) (Output, error)
}

// A Resolver completes activities whose values were not all known when their job was planned (plan.Activity.Late).
type Resolver interface {
	// Resolve answers the activity as it is to run. All activities before it have been reported as finished by then. A
	// *ValueError is the fault of whoever wrote the pipeline; any other error loses the activity.
	Resolve(ctx context.Context, activity string) (Step, error)
}

// A ValueError says that a late value cannot be computed.
type ValueError struct{ Reason string }

func (e *ValueError) Error() string { return e.Reason }

// MaxOutput and MaxOutputs bound one output and all outputs of a job, in bytes.
const (
	MaxOutput  = 64 << 10
	MaxOutputs = 128 << 10
)

// A Try at an activity is one that failed and was followed by another.
type Try struct {
	Cause  string // a sentence
	LogEnd int64  // where in the log its bytes end
}

// An Outcome is the end of an activity, or of a whole job.
type Outcome struct {
	Result plan.Result
	// Cause says in a sentence why, unless it simply passed: "exit code 2", "out of memory (limit 512 MiB)",
	// "timeout of 1h exceeded", "canceled by dana".
	Cause string
	// Exit is what the process did; nil if there was none.
	Exit *Exit
	// Outputs are the declared outputs of an activity, as values of their types (JSON).
	Outputs map[string]json.RawMessage
	// Tries are those before the last.
	Tries []Try
}
