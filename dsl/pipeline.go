package dsl

import (
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A pipeline is a block of that kind, checked as far as the files alone allow.
type pipeline struct {
	name        string
	at          place
	description string
	on          triggers
	onAt        map[string]place // of the first on block of each kind
	inputs      []*input
	concurrency *concurrency
	jobs        []*job // and approvals, in the order of writing
	byName      map[string]*job
}

func (p *pipeline) title() string { return `pipeline "` + p.name + `"` }

// A job is a block of that kind, or an approval: a node of the graph. What is nil was not set.
type job struct {
	name     string
	at       place
	approval bool
	in       *pipeline
	edges    []edge
	runOn    plan.RunOn

	when        *value
	image       *value
	env         *value
	environment *value
	timeout     *value
	fence       *value
	retries     *value

	labels, os, arch, cpu, memory *value

	approvers, message *value // of an approval

	matrix      *matrix
	concurrency *concurrency
	workspace   *workspace
	services    []*service
	caches      []*cache
	artifacts   []*artifact
	outputs     []*jobOutput
	activities  []*activity

	// deferred says that values in it come from other jobs or approvals.
	deferred bool
	// values are all that was bound for it, and secrets the names of those in them.
	values  []*value
	secrets []string
}

// title names a node of the graph as references do.
func (j *job) title() string {
	if j.approval {
		return "approval." + j.name
	}
	return "job." + j.name
}

func (j *job) activity(name string) (index int, a *activity) {
	for i, a := range j.activities {
		if a.name == name {
			return i, a
		}
	}
	return -1, nil
}

// An edge is an arrow of the graph, with the place that made it.
type edge struct {
	to       *job
	optional bool // the other one may have been skipped
	at       place
}

type matrix struct {
	at                    place
	axes                  *value
	names                 []string // of the axes, in the order of writing, where they are written out
	exclude, include      *value
	maxParallel, failFast *value
	late                  bool // an axis uses what other jobs put out
	hasNames              bool
}

type concurrency struct{ group, policy *value }

type workspace struct {
	checkout   bool
	depth      int
	submodules bool
	unpack     map[string]plan.ArtifactRef
}

type service struct {
	name                       string
	image, env, command, ready *value
}

type cache struct {
	name               string
	path, key, restore *value
}

type artifact struct {
	name                     string
	paths, keep, whenMissing *value
}

// A jobOutput is a value that other jobs can read.
type jobOutput struct {
	name      string
	at        place
	value     *value
	sensitive bool
}

// An activity is a step of a job. It has a script, a command, or a definition with both.
type activity struct {
	name         string
	at           place
	when         *value
	runOn        plan.RunOn
	allowFailure *value
	use          *definition
	with         *value
	work         work
	late         bool // something in it comes from earlier activities, or is a secret
	secrets      []string
}

// mayNotRun says whether the activity may have no outputs although the job goes on.
func (a *activity) mayNotRun() string {
	switch {
	case a.when != nil:
		return `it has "when"`
	case a.runOn != plan.OnPassed && a.runOn != "":
		return `it has run_on = "` + string(a.runOn) + `"`
	case a.allowFailure != nil:
		return `it has "allow_failure"`
	}
	return ""
}

// outputs are those that the activity, or its definition, declares.
func (a *activity) outputs() []*activityOutput {
	if a.use != nil {
		return a.use.work.outputs
	}
	return a.work.outputs
}

// A work is what an activity does: what occurrences and definitions have in common.
type work struct {
	image   *value
	command *value
	script  string
	file    *value // of script = file("path")
	shell   plan.Shell
	env     *value
	timeout *value
	retries *value
	effects *value // side_effects
	workdir *value
	user    *value
	outputs []*activityOutput
	reports []*report
}

// An activityOutput is a value that a script writes to a file.
type activityOutput struct {
	name      string
	at        place
	typ       valueKind
	sensitive bool
}

type report struct {
	kind string
	path *value
}

// A definition is an activity for any number of occurrences.
type definition struct {
	name   string // as references write it: "def.go_test", "lib.acme.go_test"
	at     place
	inputs []*input
	work   work
	// library is the one that it belongs to; empty for those of the files themselves.
	library string
	// opaque says that nothing is known of it, since its library is not at hand.
	opaque bool
}

// title names it in sentences.
func (d *definition) title() string { return "the definition " + strings.TrimPrefix(d.name, "def.") }

func (d *definition) input(name string) *input {
	for _, in := range d.inputs {
		if in.name == name {
			return in
		}
	}
	return nil
}

// An input is a value that whoever starts the pipeline, or uses the definition, may give.
type input struct {
	name        string
	at          place
	typ         valueKind
	description string
	fallback    cty.Value // NilVal if there is none
	choices     []cty.Value
	sensitive   bool
	checks      []*check
}

// A check is a condition that a value must meet.
type check struct {
	condition *value
	message   string
}

// A variable is a value that the server keeps.
type variable struct {
	name     string
	at       place
	typ      valueKind
	fallback cty.Value // NilVal if there is none
	checks   []*check
}

// A secret is a value that nobody may see.
type secret struct {
	name     string
	at       place
	optional bool
}

// A registry is one that agents sign in to.
type registry struct {
	host               string
	username, password *value
}

// A local is a value with a name, of all pipelines.
type local struct {
	name  string
	at    place
	value *value // nil if it is not set
}
