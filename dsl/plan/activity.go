package plan

// An Activity is one automated step in its own container: a Command, or else a Script, which may be empty.
type Activity struct {
	Name string `json:"name"`
	// Uses is the definition that it comes from, for people: "lib.acme.go_test".
	Uses  string `json:"uses,omitempty"`
	Image string `json:"image"`
	// Script is the raw text that the shell of the activity runs. Nothing in it was interpolated.
	Script string `json:"script,omitempty"`
	// Shell says who reads Script; it is ignored for a Command.
	Shell Shell `json:"shell,omitempty"`
	// Command is executed as it is, without a shell.
	Command []string `json:"command,omitempty"`
	// Env is added to the environment of the image, and wins over it.
	Env     map[string]string `json:"env,omitempty"`
	User    string            `json:"user,omitempty"`    // "name", "uid", "name:group" or "uid:gid"; empty is the image's
	Workdir string            `json:"workdir,omitempty"` // relative to the workspace; empty is the workspace itself
	Timeout Duration          `json:"timeout"`
	RunOn   RunOn             `json:"run_on,omitempty"`
	// Skip says why it will not run: its "when" is false.
	Skip         string  `json:"skip,omitempty"`
	Retries      Retries `json:"retries,omitzero"`
	AllowFailure bool    `json:"allow_failure,omitempty"`
	// SideEffects says that it changes something outside of its container, as a deployment does: it is never begun again after
	// it was lost, because nobody knows how far it came.
	SideEffects bool `json:"side_effects,omitempty"`
	// Outputs are the files that it has to write into the folder $TUTTI_OUTPUT.
	Outputs []Output `json:"outputs,omitempty"`
	Reports []Report `json:"reports,omitempty"`
	// Late says that values in it come from earlier activities or are secrets: Image, Env, Command and Skip are then those
	// that the server answers just before it begins; what is known of them earlier is there for people.
	Late bool `json:"late,omitempty"`
	// Secrets are the names of those that flow into it.
	Secrets []string `json:"secrets,omitempty"`
}

// An Output is a value that an activity or a job puts out.
type Output struct {
	Name      string `json:"name"`
	Type      Type   `json:"type"`
	Sensitive bool   `json:"sensitive,omitempty"`
}

// A Report is a file with test results or coverage.
type Report struct {
	Kind string `json:"kind"` // "junit"
	Path string `json:"path"` // a glob
}

// Retries say how often an activity is tried again: Any times whatever the cause, or by cause.
type Retries struct {
	Any int           `json:"any,omitempty"`
	By  map[Cause]int `json:"by,omitempty"`
}

// A Cause is a kind of reason for which a try fails.
type Cause string

// The causes.
const (
	CauseExit    Cause = "exit"    // the process failed
	CauseTimeout Cause = "timeout" // of the activity
	CauseOOM     Cause = "oom"     // out of memory
	CauseImage   Cause = "image"   // it cannot be had
	CauseOutput  Cause = "output"  // a declared output is missing, or of a wrong type
	CauseLost    Cause = "lost"    // the infrastructure's doing
)

// Allow says whether one more try may follow, after these tries failed for these causes, the last of them now.
func (r Retries) Allow(failed ...Cause) bool {
	if len(failed) == 0 {
		return false
	}
	if r.Any > 0 {
		return len(failed) <= r.Any
	}
	last, same := failed[len(failed)-1], 0
	for _, c := range failed {
		if c == last {
			same++
		}
	}
	return same <= r.By[last]
}
