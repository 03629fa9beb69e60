package plan

import "encoding/json"

// A Kind says what a node of the graph is.
type Kind string

// The kinds.
const (
	KindJob      Kind = ""         // activities that an agent runs
	KindMatrix   Kind = "matrix"   // stands for its instances: it is done when they are, and has their worst result
	KindApproval Kind = "approval" // a person acts
)

// A RunOn says for which ends of what came before it something runs.
type RunOn string

// The conditions. The empty RunOn is OnPassed.
const (
	OnPassed RunOn = "passed"
	OnFailed RunOn = "failed"
	OnAlways RunOn = "always"
)

// A Job is a node of the graph: mostly the unit that is given to one agent, whose activities share a workspace and run in
// the written order.
type Job struct {
	// Name is unique in the plan: that of the block, or for an instance of a matrix "test.1", "test.2" and so on.
	Name string `json:"name"`
	Kind Kind   `json:"kind,omitempty"`
	// Of is the name of the matrix that this is an instance of, and Matrix the instance's values in the order of the axes.
	Of     string  `json:"of,omitempty"`
	Matrix []Value `json:"matrix,omitempty"`
	// Needs are the names of the nodes that must have ended before this one. Those in Optional as well may have been skipped.
	Needs    []string `json:"needs,omitempty"`
	Optional []string `json:"optional,omitempty"`
	RunOn    RunOn    `json:"run_on,omitempty"`
	// Skip says why it will not run though its needs may be met: its "when" is false.
	Skip string `json:"skip,omitempty"`
	// Deferred says that values in it come from the nodes that it needs. All but Name, Kind, Needs, Optional, RunOn,
	// Outputs, Secrets and Late is then only known once these have ended, and has to be planned anew.
	Deferred bool `json:"deferred,omitempty"`
	// MaxParallel (0 is no limit) and FailFast are those of a matrix.
	MaxParallel int  `json:"max_parallel,omitempty"`
	FailFast    bool `json:"fail_fast,omitempty"`
	// Approval is what a KindApproval asks.
	Approval    *Approval    `json:"approval,omitempty"`
	Concurrency *Concurrency `json:"concurrency,omitempty"`
	// Environment chooses variables and secrets.
	Environment string `json:"environment,omitempty"`
	// Labels must all be carried by an agent that runs this job; each is "key=value". So must OS and Arch, in Go's words.
	Labels []string `json:"labels,omitempty"`
	OS     string   `json:"os,omitempty"`
	Arch   string   `json:"arch,omitempty"`
	// CPU (in cores) and Memory (in bytes) bound each container of the job; 0 leaves that to the agent.
	CPU    float64 `json:"cpu,omitempty"`
	Memory int64   `json:"memory,omitempty"`
	// Timeout bounds the whole job, from its start on the agent to its end.
	Timeout Duration `json:"timeout"`
	// Fence is for how long the job may go on while its agent and the server hear nothing of each other; 0 is the server's.
	Fence Duration `json:"fence,omitempty"`
	// Retries say how often the job is begun anew, on another agent if there is one: by CauseLost only.
	Retries   Retries    `json:"retries,omitzero"`
	Workspace *Workspace `json:"workspace,omitempty"` // nil means a checkout and nothing else
	Services  []Service  `json:"services,omitempty"`
	Caches    []Cache    `json:"caches,omitempty"`
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Outputs are what other jobs may read of this one. Their values are computed when it has ended.
	Outputs []Output `json:"outputs,omitempty"`
	// Secrets are the names of all that the job may ask for.
	Secrets []string `json:"secrets,omitempty"`
	// Late are the values in it that are not known yet, for people to see.
	Late       []Late     `json:"late,omitempty"`
	Activities []Activity `json:"activities"`
}

// Title names a job for people: "test (go 1.26, db 17)".
func (j Job) Title() string { return Title(j.Name, j.Of, j.Matrix) }

// An Approval is a question to people.
type Approval struct {
	Approvers []string `json:"approvers,omitempty"` // names of people, "group:name" for groups; none means anybody
	Message   string   `json:"message,omitempty"`
	Timeout   Duration `json:"timeout"`
}

// A Workspace says what a job's files are at its start.
type Workspace struct {
	Checkout   bool `json:"checkout"`
	Depth      int  `json:"depth,omitempty"` // commits of history; 0 is all
	Submodules bool `json:"submodules,omitempty"`
	// Unpack are artifacts of other jobs, by the folder that they are put into.
	Unpack map[string]ArtifactRef `json:"unpack,omitempty"`
}

// An ArtifactRef names an artifact of another job.
type ArtifactRef struct {
	Job      string `json:"job"`
	Artifact string `json:"artifact"`
}

// A Service is a container that runs beside the activities, under its name as host name.
type Service struct {
	Name    string            `json:"name"`
	Image   string            `json:"image"`
	Env     map[string]string `json:"env,omitempty"`
	Command []string          `json:"command,omitempty"`
	Ready   []string          `json:"ready,omitempty"` // a command that succeeds once the service can be used
	// Late says that its Env holds secrets, and is only known just before it starts.
	Late bool `json:"late,omitempty"`
}

// A Cache is a folder that is kept from one run to the next.
type Cache struct {
	Name    string   `json:"name"`
	Path    string   `json:"path"`
	Key     string   `json:"key"`
	Restore []string `json:"restore,omitempty"` // prefixes of keys that will do
}

// An Artifact is a set of files of the workspace that is kept when the job ends.
type Artifact struct {
	Name        string   `json:"name"`
	Paths       []string `json:"paths"`
	Keep        Duration `json:"keep"`
	WhenMissing string   `json:"when_missing"` // "fail", "warn" or "ignore"
}

// A Value is a named value: one of a matrix's axes.
type Value struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// A Late is a value of a plan that is not known yet.
type Late struct {
	Where  string `json:"where"`  // `"env" of activity "deploy"`
	Phase  string `json:"phase"`  // "dispatch" or "agent"
	Source string `json:"source"` // the expression, as it is written
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
}
