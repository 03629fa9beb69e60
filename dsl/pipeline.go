package dsl

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A pipeline is a block of that kind, checked as far as the files alone allow.
type pipeline struct {
	name        string
	at          place
	description string
	push        *pushTrigger // nil if pushes do not start it
	manual      bool
	inputs      []*input
	jobs        []*job
}

func (p *pipeline) title() string { return `pipeline "` + p.name + `"` }

func (p *pipeline) kinds() []string {
	var kinds []string
	if p.push != nil {
		kinds = append(kinds, KindPush)
	}
	if p.manual {
		kinds = append(kinds, KindManual)
	}
	return kinds
}

// A pushTrigger says which pushes start a pipeline. Without branches and tags all do; with one of them, only what it
// matches.
type pushTrigger struct {
	branches, tags, paths globs
	hasBranches, hasTags  bool
}

func (t *pushTrigger) ofBranches() bool { return t.hasBranches || !t.hasTags }
func (t *pushTrigger) ofTags() bool     { return t.hasTags || !t.hasBranches }

// An input is a value that whoever starts the pipeline may give.
type input struct {
	name        string
	at          place
	typ         cty.Type
	description string
	fallback    cty.Value // NilVal if there is none
	choices     []cty.Value
}

func (in *input) info() InputInfo {
	info := InputInfo{Name: in.name, Type: typeName(in.typ), Description: in.description, Required: in.fallback == cty.NilVal}
	if !info.Required {
		info.Default = plainText(in.fallback)
	}
	for _, c := range in.choices {
		info.Choices = append(info.Choices, plainText(c))
	}
	return info
}

// A job is a block of that kind. What is nil was not set.
type job struct {
	name       string
	at         place
	needs      []need
	image      *value
	env        *value
	timeout    *value
	labels     *value
	activities []*activity
}

// A need is an edge of the graph of jobs, with the place that made it.
type need struct {
	job string
	at  place
}

// An activity is a block of that kind, in a job. It has a script or a command.
type activity struct {
	name    string
	at      place
	image   *value
	command *value
	script  string
	shell   plan.Shell
	env     *value
	timeout *value
}

// A local is a value with a name, of all pipelines.
type local struct {
	name  string
	at    place
	value *value // nil if it is wrong
}
