package dsl

import (
	"fmt"
	"strings"
)

// phaseOf answers from when on a root has values here.
func (c *binder) phaseOf(r root) phase {
	if r.name == "matrix" && c.here.job != nil && c.here.job.matrix != nil && c.here.job.matrix.late {
		return dispatch
	}
	return r.phase
}

// inTime says whether the values of a root exist when the argument is evaluated. A secret in a place that could wait for it
// would leak, which evaluation reports.
func (c *binder) inTime(r reference, from phase) bool {
	if from <= c.v.arg.Phase || r.root == "secret" && (c.here.job != nil || c.here.pipeline != nil) {
		return true
	}
	c.ps.add(codePhase, r.whole, "Value not available here", "%s is evaluated at %s time, but %s.* exists only from %s time on.",
		c.v.title(), c.v.arg.Phase, r.root, from)
	return false
}

// visible says whether a root exists in this place at all.
func (c *binder) visible(r reference) bool {
	_, hasInputs := c.here.inputs()
	switch {
	case c.here.only != "" && r.String() != c.here.only:
		c.ps.add(codeNotVisible, r.whole, "Not visible here", "A check sees %s and nothing else.", c.here.only)
	case c.here.only != "":
		return true
	case c.here.definition != nil && r.root != "input" && r.root != "run":
		c.ps.add(codeNotVisible, r.whole, "Not visible here", "A definition sees input.* and run.* only, so that it means the same everywhere. "+
			"Declare an input, and pass %s in with \"with\".", r.root)
	case r.root == "input" && !hasInputs:
		c.ps.add(codePhase, r.whole, "Value not available here",
			"An input belongs to one pipeline, and %s to all. Use input.%s in the pipeline itself.", c.v.owner, r.name)
	case r.root == "matrix" && (c.here.job == nil || c.here.job.matrix == nil) && c.v.arg.Phase >= compile && c.here.definition == nil:
		c.ps.add(codeReference, r.whole, "No matrix here", "%s. Write matrix { axes = { ... } } in the job.", c.noMatrix())
	case (r.root == "job" || r.root == "approval") && c.here.pipeline == nil && c.v.arg.Phase > compile:
		c.ps.add(codePhase, r.whole, "Value not available here", "%s belongs to no pipeline, so there is no %s here.", c.v.owner, r.String())
	case r.root == "activity" && c.here.activities < 0 && c.v.arg.Phase == agent:
		c.ps.add(codePhase, r.whole, "Value not available here", "%s holds for all activities, so it cannot use what one of them puts out. "+
			"Set it in the activities that come later.", c.v.title())
	default:
		return true
	}
	return false
}

func (c *binder) noMatrix() string {
	if c.here.job == nil {
		return "matrix.* exists only in a job that has a matrix"
	}
	return c.here.job.title() + " has no matrix"
}

func (c *binder) unknownRoot(r reference, alone bool) {
	detail := fmt.Sprintf("There is no %q here.", r.root)
	var names []string
	for _, known := range roots() {
		if known.phase != literal {
			names = append(names, known.name)
		}
	}
	inputs, _ := c.here.inputs()
	switch {
	case c.config.locals[r.root] != nil:
		detail += fmt.Sprintf(" Did you mean local.%s?", r.root)
	case findInput(inputs, r.root) != nil:
		detail += fmt.Sprintf(" Did you mean input.%s?", r.root)
	case c.config.variables[r.root] != nil:
		detail += fmt.Sprintf(" Did you mean var.%s?", r.root)
	case closest(r.root, names) != "":
		detail += didYouMean(r.root, names)
	case alone:
		detail += fmt.Sprintf(" Text is written in quotes: %q.", r.root)
	default:
		detail += " Values come from " + strings.Join(names, ", ") + "."
	}
	c.ps.add(codeReference, r.whole, "Unknown reference", "%s", detail)
}
