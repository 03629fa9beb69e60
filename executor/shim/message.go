package shim

import (
	"os"
	"time"
)

// Version is the version of the conversation. The agent mounts the shim of its own release, so the two differ only when
// an agent takes over containers of another release.
const Version = 3

// The places inside a container.
const (
	BinaryPath = "/tutti/shim"          // the program itself, read-only
	SocketDir  = "/tutti/run"           // the folder of the agent's socket, read-only
	SocketName = "agent.sock"           // in SocketDir
	ScriptDir  = "/tutti/tmp"           // where scripts are written; a tmpfs of the container
	Workspace  = "/workspace"           // the job's files; every activity starts here
	OutputDir  = ScriptDir + "/.output" // what an activity puts out; no script has such a name
	SocketPath = SocketDir + "/" + SocketName
)

// OutputVariable is the variable that tells a process where OutputDir is.
const OutputVariable = "TUTTI_OUTPUT"

// A Message is one of its fields.
type Message struct {
	Hello    *Hello    `json:"hello,omitempty"`
	Unpack   *Unpack   `json:"unpack,omitempty"`
	Unpacked *Unpacked `json:"unpacked,omitempty"`
	Go       *Go       `json:"go,omitempty"`
	Started  *Started  `json:"started,omitempty"`
	Wrote    *Wrote    `json:"wrote,omitempty"`
	Signal   *Signal   `json:"signal,omitempty"`
	Exit     *Exit     `json:"exit,omitempty"`
	Lease    *Lease    `json:"lease,omitempty"`
	Stalled  *Stalled  `json:"stalled,omitempty"`
	// Files travel beside the message: the tar stream of Unpack; log and marks of Go. Their receiver closes them.
	Files []*os.File `json:"-"`
}

// Hello is the shim's first message on a connection.
type Hello struct {
	Version int `json:"version"`
	// Token is that of the last Go; empty before the first.
	Token string `json:"token,omitempty"`
	// Wrote and Exit are how far the process of the last Go came.
	Wrote *Wrote `json:"wrote,omitempty"`
	Exit  *Exit  `json:"exit,omitempty"`
	// Age is the time since that process began; 0 without one.
	Age time.Duration `json:"age,omitempty"`
	// Upper is the host's folder that takes every change of the container's root file system, where it is an overlay.
	Upper string `json:"upper,omitempty"`
	// Single says why the container must not be used for a second activity, if so: "it mounts /data".
	Single string `json:"single,omitempty"`
}

// Unpack asks the shim to unpack the tar stream in Files into a folder.
type Unpack struct {
	Dir  string `json:"dir"`
	User string `json:"user,omitempty"` // whose the files become, in the form of Go.User
}

// Unpacked answers Unpack.
type Unpacked struct {
	Err string `json:"err,omitempty"`
}

// Go starts the process of an activity. Exactly one of Script and Command is set.
type Go struct {
	Activity string   `json:"activity"`
	Script   string   `json:"script,omitempty"`
	Shell    string   `json:"shell,omitempty"` // sh, bash or none
	Command  []string `json:"command,omitempty"`
	// Env is the whole environment, "NAME=value"; the shim adds HOME, PATH and HOSTNAME if they are missing.
	Env []string `json:"env,omitempty"`
	// User is "", "name", "uid", "name:group" or "uid:gid", by the accounts of the image.
	User string `json:"user,omitempty"`
	Dir  string `json:"dir"`
	// Workdir is where the process starts, relative to Dir; it must be there.
	Workdir string `json:"workdir,omitempty"`
	Token   string `json:"token"`
	// Age is for how long the activity has run already: not 0 for another try, whose bytes go behind those of the one before.
	Age time.Duration `json:"age,omitempty"`
	// Outputs are the files of OutputDir that Exit brings.
	Outputs OutputOrder `json:"outputs,omitzero"`
	// Masks are secrets, which the log must not show.
	Masks []string `json:"masks,omitempty"`
	// Lease is the first one; nil means that the process may run for ever.
	Lease *Lease `json:"lease,omitempty"`
	// LogLimit is the most bytes that the log may have, with what it holds already; 0 is no limit. Of a longer one the beginning
	// and the last MiB are kept, with a line between them that says how much is missing. Another try behind a log that is over
	// its limit keeps its own last MiB in the same way.
	LogLimit int64 `json:"log_limit,omitempty"`
}

// A Lease says until when the process may run, by CLOCK_BOOTTIME, which goes on while the host sleeps and is the same in all
// containers. The agent renews it; when it is over the shim ends the process, whether there is an agent or not.
type Lease struct {
	Until time.Duration `json:"until"`
}

// Stalled says that the log cannot be written for now, and why ("no space left on device"): the process waits. An empty Reason
// says that it goes on. What cannot be written for FullLimit ends the process. It is also said after a Hello.
type Stalled struct {
	Reason string `json:"reason,omitempty"`
}

// An OutputOrder says which outputs are wanted, and how large each and all of them may be, in bytes.
type OutputOrder struct {
	Names []string `json:"names,omitempty"`
	// Open are those of Names that people may see: they must not hold a secret.
	Open    []string `json:"open,omitempty"`
	MaxEach int64    `json:"max_each,omitempty"`
	MaxAll  int64    `json:"max_all,omitempty"`
}

// Started says that the process runs.
type Started struct{}

// Wrote says how much of the log and of its marks is written.
type Wrote struct {
	Log   int64 `json:"log"`
	Marks int64 `json:"marks"`
}

// Signal is passed on to the process: TERM to its group, KILL to all processes of the container.
type Signal struct {
	Name string `json:"name"`
}

// The names in Signal.
const (
	Term = "TERM"
	Kill = "KILL"
)

// Exit says what became of the process. No process of the container is left then, and every byte is in the log.
type Exit struct {
	Code   int    `json:"code"`             // 128+n after signal n
	Signal string `json:"signal,omitempty"` // "SIGKILL" and the like
	OOM    bool   `json:"oom,omitempty"`    // the kernel killed a process for want of memory
	// Reason says why no process could be started: "the image has no bash".
	Reason string `json:"reason,omitempty"`
	// Err says what the process cannot be blamed for, and how many bytes the log therefore lacks, if any.
	Err    string        `json:"err,omitempty"`
	Took   time.Duration `json:"took"`
	Log    int64         `json:"log"`
	Marks  int64         `json:"marks"`
	SHA256 string        `json:"sha256"`
	// Outputs are the contents of the outputs that were found, and OutputsErr says in a sentence why others cannot be had.
	Outputs    map[string][]byte `json:"outputs,omitempty"`
	OutputsErr string            `json:"outputs_err,omitempty"`
	// Traces says what the process left behind outside of the root file system, if anything: "/dev/shm changed".
	Traces string `json:"traces,omitempty"`
	// Omitted is how many bytes of this process were left out of the log because of LogLimit.
	Omitted int64 `json:"omitted,omitempty"`
	// Fenced says that the process was ended because its lease was over.
	Fenced bool `json:"fenced,omitempty"`
}
