package dsl

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// named checks the names of a reference, as far as the files decide them; evaluation checks the rest. It takes the place of
// what is wrong from the steps of the traversal.
func (c *binder) named(r reference, t hcl.Traversal) bool {
	at := stepAt(c.v.at.src, t[1])
	switch r.root {
	case "job", "approval":
		return c.namedNode(r, t, at)
	case "activity":
		return c.namedActivity(r, t, at)
	case "input":
		inputs, _ := c.here.inputs()
		var names []string
		for _, in := range inputs {
			names = append(names, in.name)
		}
		return c.oneOf(r, at, names)
	case "local":
		return c.oneOf(r, at, slices.Sorted(maps.Keys(c.config.locals)))
	case "var":
		return c.oneOf(r, at, slices.Sorted(maps.Keys(c.config.variables)))
	case "secret":
		return c.oneOf(r, at, slices.Sorted(maps.Keys(c.config.secrets)))
	case "matrix":
		if c.here.job.matrix == nil || !c.here.job.matrix.hasNames {
			return true // its axes are no object that is written out
		}
		return c.oneOf(r, at, c.here.job.matrix.names)
	}
	known, _ := rootOf(r.root)
	return c.oneOf(r, at, known.names)
}

// oneOf requires that root.name is declared.
func (c *binder) oneOf(r reference, at place, names []string) bool {
	if slices.Contains(names, r.name) {
		return true
	}
	hint := didYouMean(r.name, names)
	declare := map[string]string{
		"local":  "locals { %s = ... }.",
		"var":    "variable %q { type = string }.",
		"secret": "secret %q {}.",
		"input":  "input %q { ... }.",
	}[r.root]
	switch {
	case hint != "":
	case r.root == "input":
		hint = fmt.Sprintf(" Declare it in %s: "+declare, c.ofInputs(), r.name)
	case declare != "":
		hint = fmt.Sprintf(" Declare it: "+declare, r.name)
	case r.root == "matrix":
		hint = " Its axes are " + strings.Join(names, ", ") + "."
	default:
		hint = " It has " + strings.Join(names, ", ") + "."
	}
	switch r.root {
	case "input":
		c.ps.add(codeInput, at, "Unknown input", "%s has no input %q.%s", capitalThe(c.ofInputs()), r.name, hint)
	case "local":
		c.ps.add(codeReference, at, "Unknown local", "There is no local %q.%s", r.name, hint)
	case "var":
		c.ps.add(codeReference, at, "Unknown variable", "There is no variable %q.%s", r.name, hint)
	case "secret":
		c.ps.add(codeReference, at, "Unknown secret", "There is no secret %q.%s", r.name, hint)
	default:
		c.ps.add(codeReference, at, "Unknown reference", "%s has no %q.%s", r.root, r.name, hint)
	}
	return false
}

// namedNode checks job.build.outputs.x and the like, and makes it an edge of the graph.
func (c *binder) namedNode(r reference, t hcl.Traversal, at place) bool {
	to := c.nodeNamed(r, at)
	if to == nil {
		return false
	}
	want := []string{"outputs", "result"}
	switch {
	case to.approval:
		want = []string{"by", "at"}
	case to.matrix != nil:
		want = []string{"each", "result"}
	}
	if len(r.rest) == 0 {
		c.ps.add(codeReference, r.whole, "Name missing", "%s is a group of values. Write %[1]s.%s.", r, strings.Join(want, " or "+r.String()+"."))
		return false
	}
	stepped := stepAt(c.v.at.src, t[2])
	switch got := r.rest[0]; {
	case got == "outputs" && to.matrix != nil && !to.approval:
		c.ps.add(codeMatrixOutputs, stepped, "Unknown reference", "%s has no \"outputs\". It has a matrix: use %[1]s.each, a list with one element per "+
			"combination, as in\n[for r in %[1]s.each : r.outputs.%s].", r, orName(r.output()))
		return false
	case got == "each" && to.matrix == nil && !to.approval:
		c.ps.add(codeMatrixOutputs, stepped, "Unknown reference", "%s has no \"each\", since it has no matrix: use %[1]s.outputs.", r)
		return false
	case got == "artifacts" && !to.approval:
		c.ps.add(codeReference, stepped, "Not a value", "An artifact is a set of files, which \"unpack\" of workspace takes.")
		return false
	case !slices.Contains(want, got):
		c.ps.add(codeReference, stepped, "Unknown reference", "%s has no %q.%s", r, got, orIt(didYouMean(got, want), want))
		return false
	case got == "outputs" && !c.outputNamed(r, t, to.outputNames(), `output "name" { value = ... }`):
		return false
	}
	c.v.late = c.v.late || to.matrix == nil && to.isSensitive(r)
	if c.here.job != nil {
		c.here.job.addEdge(edge{to: to, at: r.at})
	}
	return true
}

// nodeNamed finds the job or approval of a reference.
func (c *binder) nodeNamed(r reference, at place) *job {
	to := c.here.pipeline.byName[r.name]
	if to != nil && to.approval == (r.root == "approval") {
		return to
	}
	if to != nil {
		c.ps.add(codeJob, at, "Unknown "+r.root, "%s is no %s. Write %s.", r.name, r.root, to.title())
		return nil
	}
	c.ps.add(codeJob, at, "Unknown "+r.root, "There is no %s %q in %s.%s", r.root, r.name, c.here.pipeline.title(),
		didYouMean(r.name, c.here.pipeline.names(r.root == "approval")))
	return nil
}

// outputNamed checks the third name of x.outputs.y; without one, all outputs are meant.
func (c *binder) outputNamed(r reference, t hcl.Traversal, names []string, declare string) bool {
	if len(r.rest) < 2 || slices.Contains(names, r.rest[1]) {
		return true
	}
	hint := didYouMean(r.rest[1], names)
	switch {
	case hint == "" && len(names) == 0:
		hint = " It declares none: " + declare + "."
	case hint == "":
		hint = " It has " + strings.Join(names, ", ") + "."
	}
	c.ps.add(codeReference, stepAt(c.v.at.src, t[3]), "Unknown reference", "%s.outputs has no %q.%s", r, r.rest[1], hint)
	return false
}

// namedActivity checks activity.x.outputs.y: only what stands above it has put anything out.
func (c *binder) namedActivity(r reference, t hcl.Traversal, at place) bool {
	i, a := c.here.job.activity(r.name)
	var earlier []string
	for _, a := range c.here.job.activities[:max(c.here.activities, 0)] {
		earlier = append(earlier, a.name)
	}
	want := []string{"outputs", "result"}
	switch {
	case a == nil:
		c.ps.add(codeReference, at, "Unknown activity", "There is no activity %q in %s.%s", r.name, c.here.job.title(), didYouMean(r.name, earlier))
		return false
	case i == c.here.activities:
		c.ps.add(codeOrder, r.at, "Refers to itself", "%s cannot use what it puts out itself.", c.v.owner)
		return false
	case i > c.here.activities:
		c.ps.add(codeOrder, r.at, "Activity comes later", "%s comes only after %s, at %s. Activities run in the order in which they are written.", r, c.v.owner, a.at)
		return false
	case len(r.rest) == 0:
		c.ps.add(codeReference, r.whole, "Name missing", "%s is a group of values. Write %[1]s.outputs.name or %[1]s.result.", r)
		return false
	case !slices.Contains(want, r.rest[0]):
		c.ps.add(codeReference, stepAt(c.v.at.src, t[2]), "Unknown reference", "%s has no %q.%s", r, r.rest[0], orIt(didYouMean(r.rest[0], want), want))
		return false
	case a.use != nil && a.use.opaque:
		return true
	}
	var names []string
	for _, o := range a.outputs() {
		names = append(names, o.name)
	}
	return r.rest[0] != "outputs" || c.outputNamed(r, t, names, `output "name" { type = string }`)
}

func orName(name string) string {
	if name == "" {
		return "name"
	}
	return name
}

// orIt is a hint, or else what there is.
func orIt(hint string, names []string) string {
	if hint != "" {
		return hint
	}
	return " It has " + strings.Join(names, " and ") + "."
}

// names answers those of the jobs of a pipeline, or of its approvals.
func (p *pipeline) names(approvals bool) []string {
	var names []string
	for _, j := range p.jobs {
		if j.approval == approvals {
			names = append(names, j.name)
		}
	}
	return names
}

func (j *job) outputNames() []string {
	var names []string
	for _, o := range j.outputs {
		names = append(names, o.name)
	}
	return names
}

// isSensitive says whether a reference to this job reads what must not be shown.
func (j *job) isSensitive(r reference) bool {
	for _, o := range j.outputs {
		if o.sensitive && r.rest[0] != "result" && (r.output() == "" || r.output() == o.name) {
			return true
		}
	}
	return false
}

// addEdge adds an arrow, unless there is one to the same node.
func (j *job) addEdge(e edge) {
	for _, known := range j.edges {
		if known.to == e.to {
			return
		}
	}
	j.edges = append(j.edges, e)
}

func findInput(inputs []*input, name string) *input {
	for _, in := range inputs {
		if in.name == name {
			return in
		}
	}
	return nil
}

func capitalThe(text string) string {
	if rest, ok := strings.CutPrefix(text, "the "); ok {
		return "The " + rest
	}
	return text
}

// ofInputs names what the inputs of a place belong to.
func (c *binder) ofInputs() string {
	if c.here.definition != nil {
		return c.here.where
	}
	return c.here.pipeline.title()
}
