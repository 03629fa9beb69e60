// Package plan is the compiled form of a run: what to do, with no HCL left in it.
//
// It is the waist of the hourglass. The compiler writes a Plan, the server stores it, the wire carries its jobs and the
// executor obeys them. The package owns the vocabulary of states and results, the order of a graph of jobs, and the
// JSON form with its version. It imports the standard library only and never does I/O.
package plan

import (
	"encoding/json"
	"fmt"
	"time"
)

// Version is the version of the JSON form that this package writes. Fields are only ever added; a reader that meets a
// newer version refuses it (see Decode).
const Version = 1

// A Plan is one run of one pipeline, ready to be scheduled. What cannot be known before other jobs have ended is not in it:
// a job with Deferred is planned again then, and an activity with Late before it begins.
type Plan struct {
	Version     int    `json:"version"`
	Pipeline    string `json:"pipeline"`
	Description string `json:"description,omitempty"`
	// Concurrency is what the whole run has to share with other runs.
	Concurrency *Concurrency `json:"concurrency,omitempty"`
	// Registries are the image registries that need credentials.
	Registries []Registry `json:"registries,omitempty"`
	// Jobs are the nodes of the graph in the order in which they are written; the instances of a matrix follow it.
	// Their needs name other nodes of the same plan and have no cycle.
	Jobs []Job `json:"jobs"`
}

// A Registry is a registry of images to which an agent signs in.
type Registry struct {
	Host    string   `json:"host"`
	Secrets []string `json:"secrets,omitempty"` // names of those in its credentials
}

// A Concurrency makes runs, or jobs, of one project take turns: those of one group never run side by side.
type Concurrency struct {
	Group  string `json:"group"`
	Policy Policy `json:"policy"`
}

// A Policy says what a newcomer to a busy group does.
type Policy string

// The policies.
const (
	PolicyQueue         Policy = "queue"          // waits for all that came before it
	PolicyCancelRunning Policy = "cancel_running" // cancels all that came before it
	PolicyCancelWaiting Policy = "cancel_waiting" // cancels what waits before it, and waits for what runs
)

// A Shell names the program that reads a script.
type Shell string

// The shells of the language.
const (
	ShellSh   Shell = "sh"   // sh -eu
	ShellBash Shell = "bash" // bash -euo pipefail
	ShellNone Shell = "none" // the script is executed itself, by its #! line
)

// Job answers the job of that name.
func (p *Plan) Job(name string) (Job, bool) {
	for _, j := range p.Jobs {
		if j.Name == name {
			return j, true
		}
	}
	return Job{}, false
}

// Decode reads a plan that Encode wrote, or that an older release did.
func Decode(data []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("reading plan: %w", err)
	}
	if p.Version < 1 || p.Version > Version {
		return nil, fmt.Errorf("reading plan: version %d is not among 1 to %d, which this release of tutti reads", p.Version, Version)
	}
	return &p, nil
}

// Encode writes the JSON form.
func (p *Plan) Encode() ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("writing plan: %w", err)
	}
	return data, nil
}

// A Duration is a time.Duration that is written in JSON as people write it: "1h30m".
type Duration time.Duration

// String is the form that MarshalText writes: no trailing zero units, so "1h" and not "1h0m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if len(s) > 3 && s[len(s)-3:] == "m0s" {
		s = s[:len(s)-2]
	}
	if len(s) > 3 && s[len(s)-3:] == "h0m" {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("reading duration: %w", err)
	}
	*d = Duration(v)
	return nil
}
