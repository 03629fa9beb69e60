package dsl

import (
	"sync"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A File is one file of the pipeline folder.
type File struct {
	Name string `json:"name"` // relative to the root of the repository: ".tutti/ci.hcl"
	Data []byte `json:"data"`
}

// An Event is what a pipeline may be started by, with all that its expressions can know.
type Event struct {
	Kind    string `json:"kind"` // KindPush or KindManual
	Ref     string `json:"ref,omitempty"`
	Branch  string `json:"branch,omitempty"` // empty if the event is not about a branch
	Tag     string `json:"tag,omitempty"`    // the same for a tag
	Commit  string `json:"commit"`
	Title   string `json:"title,omitempty"`   // first line of the commit's message
	Message string `json:"message,omitempty"` // the whole message; where it is empty, event.message is the title
	Actor   string `json:"actor,omitempty"`
	// Changed are the paths that the push changed; nil if nobody knows, and then every filter by path lets it pass.
	Changed []string `json:"changed,omitempty"`
	Repo    Repo     `json:"repo"`
	Run     Run      `json:"run"`
}

// The kinds of events.
const (
	KindPush   = "push"
	KindManual = "manual"
)

// A Repo is the repository of an event.
type Repo struct {
	Name          string `json:"name"`
	URL           string `json:"url,omitempty"`
	DefaultBranch string `json:"default_branch,omitempty"`
}

// A Run is the run that is compiled for. ID 0 means that it has none yet; an expression that needs it is then a problem.
type Run struct {
	ID int64 `json:"id,omitempty"`
}

// A PipelineInfo is what can be said about a pipeline without an event: enough for a list, or a form to start it by.
type PipelineInfo struct {
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	Triggers    []string    `json:"triggers"` // kinds of events
	Inputs      []InputInfo `json:"inputs,omitempty"`
}

// An InputInfo is an input of a pipeline. All values are text, as they are in a form.
type InputInfo struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"` // "string", "number" or "bool"
	Description string   `json:"description,omitempty"`
	Required    bool     `json:"required,omitempty"` // it has no default
	Default     string   `json:"default,omitempty"`
	Choices     []string `json:"choices,omitempty"`
}

// A Match says whether an event starts a pipeline, and why or why not.
type Match struct {
	Pipeline string `json:"pipeline"`
	Starts   bool   `json:"starts"`
	Reason   string `json:"reason"` // "branch dev does not match main"
}

// A Config is what the files of one commit declare, checked. Its methods are safe for concurrent use.
type Config struct {
	pipelines []*pipeline
	locals    map[string]*local
	order     []string // names of the locals, each after those that it needs

	mu sync.Mutex // guards m, and the state of every expression that is bound to it
	m  *meter
}

// Pipelines answers the pipelines in the order of the files and, in them, of writing.
func (c *Config) Pipelines() []PipelineInfo {
	infos := make([]PipelineInfo, len(c.pipelines))
	for i, p := range c.pipelines {
		infos[i] = PipelineInfo{Name: p.name, Description: p.description, Triggers: p.kinds()}
		for _, in := range p.inputs {
			infos[i].Inputs = append(infos[i].Inputs, in.info())
		}
	}
	return infos
}

// Parse reads files and answers what they declare, or every mistake that needs no event to be found: expressions are
// evaluated with unknown values for each kind of event. Config is nil if there is an error; problems may hold warnings all
// the same.
func Parse(files []File) (*Config, []plan.Problem) {
	ps := &problems{}
	config := parse(files, ps)
	if ps.failed() {
		config = nil
	}
	return config, ps.list()
}

// Check answers all that is wrong with files, whatever event may come.
func Check(files []File) []plan.Problem {
	_, list := Parse(files)
	return list
}
