package dsl

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// Compile makes the plan of one pipeline for one event, whether or not the event starts it: that is Match's to say.
// Inputs are text, as people give them. The plan is nil if there is an error; problems may hold warnings all the same.
func (c *Config) Compile(name string, ev Event, inputs map[string]string) (*plan.Plan, []plan.Problem) {
	ps := &problems{}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name, ps)
	if p == nil {
		return nil, ps.list()
	}
	given := p.give(inputs, ps)
	if ps.failed() {
		return nil, ps.list()
	}
	e := &evaluator{config: c, ps: ps}
	e.roots, e.absent = knownRoots(ev, given)
	c.m.reset()
	made := e.plan(p)
	if ps.failed() {
		return nil, ps.list()
	}
	return made, ps.list()
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

// give turns inputs that are text into values, and fills in defaults.
func (p *pipeline) give(inputs map[string]string, ps *problems) map[string]cty.Value {
	values := map[string]cty.Value{}
	var names []string
	for _, in := range p.inputs {
		names = append(names, in.name)
		text, given := inputs[in.name]
		switch {
		case given:
			v, problem := in.read(text)
			if problem != "" {
				ps.add(codeValue, in.at, "Invalid input", "Input %q of %s %s.", in.name, p.title(), problem)
				continue
			}
			values[in.name] = v
		case in.fallback != cty.NilVal:
			values[in.name] = in.fallback
		default:
			ps.add(codeMissingInput, in.at, "Missing input", "%s needs the input %q (%s).", p.title(), in.name, typeName(in.typ))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		if !slices.Contains(names, name) {
			ps.add(codeInput, p.at, "Unknown input", "%s has no input %q.%s", p.title(), name, didYouMean(name, names))
		}
	}
	return values
}

// plan evaluates a pipeline. With unknown values its result means nothing, and only its problems count.
func (e *evaluator) plan(p *pipeline) *plan.Plan {
	made := &plan.Plan{Version: plan.Version, Pipeline: p.name, Description: p.description}
	for _, j := range p.jobs {
		if e.stop {
			break
		}
		made.Jobs = append(made.Jobs, e.job(j))
	}
	return made
}

// defaultTimeout is that of a job, and of an activity.
const defaultTimeout = time.Hour

func (e *evaluator) job(j *job) plan.Job {
	made := plan.Job{Name: j.name, Needs: j.needNames(), Labels: e.labels(j.labels)}
	made.Timeout = plan.Duration(e.duration(j.timeout, defaultTimeout))
	image, env := e.image(j.image), e.optionalEnv(j.env)
	for _, a := range j.activities {
		made.Activities = append(made.Activities, e.activity(a, image, env))
	}
	return made
}

func (e *evaluator) activity(a *activity, image string, env map[string]string) plan.Activity {
	made := plan.Activity{Name: a.name, Image: image, Script: a.script, Env: e.optionalEnv(a.env)}
	made.Timeout = plan.Duration(e.duration(a.timeout, defaultTimeout))
	if a.image != nil {
		made.Image = e.image(a.image)
	}
	if a.script != "" {
		made.Shell = a.shell
	}
	made.Command = e.command(a.command)
	for name, text := range env {
		if _, own := made.Env[name]; !own {
			if made.Env == nil {
				made.Env = map[string]string{}
			}
			made.Env[name] = text
		}
	}
	return made
}

func (e *evaluator) optionalEnv(v *value) map[string]string {
	env, _ := e.env(v) // what is wrong or unknown is reported, or fails nothing
	return env
}

func (e *evaluator) command(v *value) []string {
	command, ok := e.texts(v)
	if ok && (len(command) == 0 || command[0] == "") {
		e.ps.add(codeNothingToRun, v.at, "Nothing to run", "%s must hold at least the program to run.", v.title())
	}
	return command
}

// imageName is the grammar of image references: registry, path, tag and digest.
var imageName = regexp.MustCompile(`^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*` +
	`(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$`)

func (e *evaluator) image(v *value) string {
	image, ok := e.text(v)
	if ok && !imageName.MatchString(image) {
		e.dollar(v, v.at, image)
		e.ps.add(codeValue, v.at, "Invalid image", `%s must be an image such as "golang:1.26" or "registry.example.com/team/tool:v2".`, v.title())
	}
	return image
}

var labelText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*=[^\s,=]+$`)

func (e *evaluator) labels(v *value) []string {
	labels, ok := e.texts(v)
	if !ok {
		return nil
	}
	for i, l := range labels {
		if !labelText.MatchString(l) {
			e.ps.add(codeValue, v.element(i), "Invalid label", `A label is "key=value", as in %q.`, fmt.Sprintf("arch=%s", "arm64"))
		}
	}
	return labels
}
