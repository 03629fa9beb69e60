package dsl

import (
	"sync"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A File is one file of the pipeline folder.
type File struct {
	Name string `json:"name"` // relative to the root of the repository: ".tutti/ci.hcl"
	Data []byte `json:"data"`
}

// An Event is what a pipeline may be started by, with all that its expressions can know.
type Event struct {
	Kind    string `json:"kind"` // one of the kinds below
	Ref     string `json:"ref,omitempty"`
	Branch  string `json:"branch,omitempty"` // empty if the event is not about a branch
	Tag     string `json:"tag,omitempty"`    // the same for a tag
	Commit  string `json:"commit"`
	Title   string `json:"title,omitempty"`   // first line of the commit's message
	Message string `json:"message,omitempty"` // the whole message; where it is empty, event.message is the title
	Actor   string `json:"actor,omitempty"`
	// PullRequest is what a KindPullRequest is about; nil for all others.
	PullRequest *PullRequest `json:"pull_request,omitempty"`
	// Source is the pipeline whose end is a KindPipeline.
	Source string `json:"source,omitempty"`
	// Schedule is the schedule that fired, of a KindSchedule: see Schedule.String.
	Schedule string `json:"schedule,omitempty"`
	// Changed are the paths that the event changed; nil if nobody knows, and then every filter by path lets it pass.
	Changed []string `json:"changed,omitempty"`
	Repo    Repo     `json:"repo"`
	Run     Run      `json:"run"`
}

// The kinds of events.
const (
	KindPush        = "push" // to a branch, or of a tag
	KindPullRequest = "pull_request"
	KindTag         = "tag" // the push of a tag, for pipelines with on "tag"
	KindSchedule    = "schedule"
	KindManual      = "manual"
	KindPipeline    = "pipeline" // a run of another pipeline of the project passed
)

// A PullRequest is a proposal to merge one branch into another.
type PullRequest struct {
	Number       int64  `json:"number"`
	Title        string `json:"title"`
	SourceBranch string `json:"source_branch"`
	TargetBranch string `json:"target_branch"`
	FromFork     bool   `json:"from_fork,omitempty"` // its jobs get no secrets
}

// A Repo is the repository of an event.
type Repo struct {
	Name          string `json:"name"`
	Owner         string `json:"owner,omitempty"`
	URL           string `json:"url,omitempty"`
	DefaultBranch string `json:"default_branch,omitempty"`
}

// A Run is the run that is compiled for. ID 0 means that it has none yet; an expression that needs it is then a problem.
type Run struct {
	ID        int64  `json:"id,omitempty"`
	URL       string `json:"url,omitempty"`
	StartedAt string `json:"started_at,omitempty"` // RFC 3339, UTC
}

// A PipelineInfo is what can be said about a pipeline without an event: enough for a list, or a form to start it by.
type PipelineInfo struct {
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	Triggers    []string    `json:"triggers"` // kinds of events
	Inputs      []InputInfo `json:"inputs,omitempty"`
	// Schedules are when it starts by itself, Sources the pipelines after which it does.
	Schedules []Schedule `json:"schedules,omitempty"`
	Sources   []string   `json:"sources,omitempty"`
}

// A Schedule is a cron expression with its time zone.
type Schedule struct {
	Cron     string `json:"cron"`
	Timezone string `json:"timezone"`
}

// An InputInfo is an input of a pipeline. All values are text, as they are in a form.
type InputInfo struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"` // as the language writes it: "string", "list(number)"
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

	variables     map[string]*variable
	variableOrder []*variable
	secrets       map[string]*secret
	registries    []*registry
	definitions   map[string]*definition // by reference: "def.x", "lib.l.x"
	defined       []*definition
	libraries     map[string]bool // the declared ones, and whether their content is at hand
	trees         map[string]tree // of the libraries, by name
	wants         []LibraryRef    // libraries that are not at hand
	needs         *releases       // nil if any release will do

	mu sync.Mutex // guards m, and the state of every expression that is bound to it
	m  *meter
}

// Pipelines answers the pipelines in the order of the files and, in them, of writing.
func (c *Config) Pipelines() []PipelineInfo {
	infos := make([]PipelineInfo, len(c.pipelines))
	for i, p := range c.pipelines {
		infos[i] = PipelineInfo{
			Name: p.name, Description: p.description, Triggers: p.on.kinds(), Schedules: p.on.schedulesInfo(), Sources: p.on.sourceNames(),
		}
		for _, in := range p.inputs {
			infos[i].Inputs = append(infos[i].Inputs, in.info())
		}
	}
	return infos
}

// Parse reads files and answers what they declare, or every mistake that needs no event to be found: expressions are
// evaluated with unknown values for each kind of event. Config is nil if there is an error; problems may hold warnings all
// the same. Libraries are not looked at; ParseAll does.
func Parse(files []File) (*Config, []plan.Problem) { return ParseAll(Request{Files: files}) }

// ParseAll is Parse for the files of a request, with its release and libraries. What a library that is not among these declares is
// taken to be right.
func ParseAll(req Request) (*Config, []plan.Problem) {
	ps := &problems{}
	config := parse(req.Files, req.Libraries, ps)
	if config != nil {
		config.needs.check(req.Release, ps)
	}
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

// Compile makes the plan of one pipeline for one event, whether or not the event starts it: that is Match's to say.
// Inputs are text, as people give them. The plan is nil if there is an error; problems may hold warnings all the same.
func (c *Config) Compile(name string, ev Event, inputs map[string]string) (*plan.Plan, []plan.Problem) {
	made, _, _, list := c.compile(&Request{Pipeline: name, Event: ev, Inputs: inputs})
	return made, list
}

// compile makes the plan of one pipeline. wants is what it lacks of the commit's tree to be right; facts are what it asked that.
func (c *Config) compile(req *Request) (made *plan.Plan, wants *Wants, facts Facts, list []plan.Problem) {
	ps := &problems{}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, p := c.knowing(req, ps)
	if e == nil {
		return nil, nil, nil, ps.list()
	}
	made = e.plan(p)
	tree := e.commit.(*commitTree)
	if ps.failed() {
		made = nil
	}
	return made, tree.lacks(), tree.facts, ps.list()
}

// knowing makes an evaluator that knows what a request does. It is nil if that is wrong.
func (c *Config) knowing(req *Request, ps *problems) (*evaluator, *pipeline) {
	p := c.find(req.Pipeline, ps)
	if p == nil {
		return nil, nil
	}
	given := p.give(req.Inputs, ps)
	if ps.failed() {
		return nil, nil
	}
	c.m.reset()
	e := &evaluator{config: c, ps: ps, known: true, settings: req.Settings, commit: newCommitTree(req, c.m.charge)}
	e.roots, e.absent = knownRoots(req.Event)
	e.roots["input of "+p.name] = cty.ObjectVal(given)
	return e, p
}

func (c *Config) find(name string, ps *problems) *pipeline {
	var names []string
	for _, p := range c.pipelines {
		if p.name == name {
			return p
		}
		names = append(names, p.name)
	}
	ps.add(codePipeline, place{}, "Unknown pipeline", "There is no pipeline %q; there is %s.%s", name, oneOf(names), didYouMean(name, names))
	return nil
}
