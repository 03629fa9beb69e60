package dsl

import (
	"encoding/json"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A Request is all that a compilation needs, in one piece, so that it can be sent to another process.
//
// A run is compiled several times: first for its event, and then, with Late, for what its event could not tell. All but
// Late is then what it was the first time, with the Facts of the first Response in place of Tree and Contents; so it is kept with the run.
type Request struct {
	Files []File `json:"files"`
	// Release is that of the server which is going to run them, such as "1.4.2". One that is no version, such as "dev", meets every demand.
	Release string `json:"release,omitempty"`
	// Libraries are those that the files declare, as they were fetched.
	Libraries []Library `json:"libraries,omitempty"`
	Event     Event     `json:"event"`
	// Pipeline is the one to compile, whatever the event; empty means all that the event starts.
	Pipeline string            `json:"pipeline,omitempty"`
	Inputs   map[string]string `json:"inputs,omitempty"`
	// Settings are the values of variables, and which secrets there are; nil if nobody knows, and then none is missing.
	Settings *Settings `json:"settings,omitempty"`
	// Tree lists the files of the commit, and Contents holds some of them (see MaxContent); both are for what a Response wants.
	Tree     []TreeFile        `json:"tree,omitempty"`
	Contents map[string][]byte `json:"contents,omitempty"`
	Facts    Facts             `json:"facts,omitempty"`
	// Late asks for one part of the plan that was not known at first.
	Late *Late `json:"late,omitempty"`
}

// Settings are what a server knows of a project beside its files. The keys of both maps are environments of jobs; what stands under
// "" holds for every environment that has no value of its own.
type Settings struct {
	// Variables are texts by name; a variable that is neither string, number nor bool is written as JSON.
	Variables map[string]map[string]string `json:"variables,omitempty"`
	Secrets   map[string][]string          `json:"secrets,omitempty"` // names
}

// A TreeFile is a file of a commit, with git's hash of it. Submodules are not listed.
type TreeFile struct {
	Path string `json:"path"`
	Hash string `json:"hash"`
	Link bool   `json:"link,omitempty"` // a symbolic link, which is never followed
}

// Facts are what a commit's tree was asked for, such as hash_files("go.sum"), and what it answered.
type Facts map[string]json.RawMessage

// A Library is what a library block refers to, fetched: the pipeline files and scripts of another repository.
type Library struct {
	Name    string `json:"name"`    // of the block
	Source  string `json:"source"`  // as written
	Version string `json:"version"` // as written
	Commit  string `json:"commit"`
	SHA256  string `json:"sha256"` // see HashLibrary
	Files   []File `json:"files"`
}

// A LibraryRef is a library that is needed: what is declared, and what the lock file says of it.
type LibraryRef struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"` // empty if it is not locked
	SHA256  string `json:"sha256,omitempty"`
}

// Late asks for what a run could not know when it was planned.
type Late struct {
	// Job is the job or approval, as the pipeline names it.
	Job string `json:"job"`
	// Jobs and Approvals are the ends of those that it refers to.
	Jobs      map[string]JobEnd      `json:"jobs,omitempty"`
	Approvals map[string]ApprovalEnd `json:"approvals,omitempty"`
	// Instance asks for a part of a job that runs; without it, the job itself is planned anew.
	Instance *Instance `json:"instance,omitempty"`
}

// A JobEnd is how a job ended. A job with a matrix has no Outputs but Each, in the order of its instances.
type JobEnd struct {
	Result  plan.Result                `json:"result"`
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	Each    []InstanceEnd              `json:"each,omitempty"`
}

// An InstanceEnd is how an instance of a matrix ended.
type InstanceEnd struct {
	Matrix  []plan.Value               `json:"matrix"`
	Result  plan.Result                `json:"result"`
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
}

// An ApprovalEnd is how an approval ended. By and At are empty if nobody decided.
type ApprovalEnd struct {
	By string `json:"by,omitempty"`
	At string `json:"at,omitempty"` // RFC 3339, UTC
}

// An Instance is a job that runs, or has run, with what it put out so far.
type Instance struct {
	Matrix     []plan.Value           `json:"matrix,omitempty"`
	Activities map[string]ActivityEnd `json:"activities,omitempty"`
	// Activity is the one that is about to begin; empty asks for the outputs of the job, which has ended.
	Activity string `json:"activity,omitempty"`
	// Secrets are the values of those that plan.Activity (or plan.Job) names. They are never part of a problem.
	Secrets map[string]string `json:"secrets,omitempty"`
}

// An ActivityEnd is how an activity ended.
type ActivityEnd struct {
	Result  plan.Result                `json:"result"`
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
}

// A Response is what became of a Request.
type Response struct {
	// Wants is set if the request lacks something; all else is then empty, and it should be asked again with that.
	Wants     *Wants         `json:"wants,omitempty"`
	Pipelines []PipelineInfo `json:"pipelines,omitempty"` // that the files declare; none if they have mistakes
	Matches   []Match        `json:"matches,omitempty"`
	// Plans are one for each pipeline that was asked for, or that the event starts, and that could be compiled.
	Plans []*plan.Plan `json:"plans,omitempty"`
	// Facts are what later requests for the same runs need of the commit's tree.
	Facts Facts `json:"facts,omitempty"`
	// Problems are those of the files, and of every pipeline that could not be compiled.
	Problems []plan.Problem `json:"problems,omitempty"`
	// Failures are the pipelines that could not be compiled though the files are right, each with its part of Problems.
	Failures []Failure `json:"failures,omitempty"`

	// The answer to Late: the job, or its matrix with the instances after it; or the activity; or the outputs.
	Jobs     []plan.Job                 `json:"jobs,omitempty"`
	Activity *plan.Activity             `json:"activity,omitempty"`
	Outputs  map[string]json.RawMessage `json:"outputs,omitempty"`
	// Masks are the secret values that the activity may know, and that its log must not show.
	Masks []string `json:"masks,omitempty"`
}

// Wants are what a request lacks.
type Wants struct {
	Tree      bool         `json:"tree,omitempty"`
	Contents  []string     `json:"contents,omitempty"` // paths; for one that is no file of the commit, Tree is answered in its place
	Libraries []LibraryRef `json:"libraries,omitempty"`
}

// A Failure is a pipeline that has no plan for an event.
type Failure struct {
	Pipeline string         `json:"pipeline"`
	Problems []plan.Problem `json:"problems"`
}

// Failed says whether anything in the response is an error.
func (r Response) Failed() bool {
	for _, p := range r.Problems {
		if p.Severity == plan.Error {
			return true
		}
	}
	return false
}
