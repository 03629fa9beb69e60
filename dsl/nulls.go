package dsl

import (
	"fmt"
	"maps"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A lack is what the values of one job may refer to though it has no values: because it was skipped, or failed.
type lack struct {
	// why completes "...: it may have no value", by reference: "job.build", "approval.release", "activity.scan", "secret.token".
	why map[string]missing
}

// missing is a reason, with the code of the problem that it makes.
type missing struct {
	code    code
	detail  string
	instead string
}

// concerns says whether a value refers to what lacks.
func (l *lack) concerns(v *value) bool {
	for _, r := range v.refs {
		if l.null(r) {
			return true
		}
	}
	return false
}

// null says whether a reference may be null: results always exist, and outputs may not.
func (l *lack) null(r reference) bool {
	if _, ok := l.why[r.String()]; !ok {
		return false
	}
	return len(r.rest) == 0 || r.rest[0] != "result"
}

// and adds what else lacks in one place.
func (l *lack) and(more *lack) *lack {
	if more == nil {
		return l
	}
	sum := &lack{why: maps.Clone(more.why)}
	maps.Copy(sum.why, l.why)
	return sum
}

// has says whether something lacks, by root and name.
func (l *lack) has(root, name string) bool {
	if l == nil {
		return false
	}
	_, ok := l.why[root+"."+name]
	return ok
}

// lackOf finds what a job, and all activities in it, may miss.
func (c *Config) lackOf(j *job) *lack {
	l := &lack{why: map[string]missing{}}
	for _, edge := range j.edges {
		if why, ok := j.mayMiss(edge); ok {
			l.why[edge.to.title()] = why
		}
	}
	for _, name := range j.secrets {
		if s := c.secrets[name]; s != nil && s.optional {
			l.why["secret."+name] = missing{codeNull, fmt.Sprintf("The secret %q is optional: it may have no value.", name), `coalesce(..., "")`}
		}
	}
	return l
}

// mayMiss says why what an edge leads to may have no outputs when the job runs.
func (j *job) mayMiss(e edge) (missing, bool) {
	const instead = `coalesce(..., "none")`
	switch {
	case j.runOn == plan.OnFailed || j.runOn == plan.OnAlways:
		return missing{codeMayNotRun, fmt.Sprintf("This job has run_on = %q: it also runs when what it refers to has failed or was skipped, and then has no outputs.",
			j.runOn), instead}, true
	case e.optional:
		return missing{codeMayNotRun, fmt.Sprintf("This job needs %s with optional(): it also runs when that was skipped, and then has no outputs.", e.to.title()), instead}, true
	case e.to.matrix != nil && e.to.when.refersTo("matrix"):
		return missing{codeMayNotRun, fmt.Sprintf("%s has a \"when\" that looks at the matrix: combinations that were skipped have no outputs.", e.to.title()), instead}, true
	}
	return missing{}, false
}

// lackOfActivity finds what the values of an activity, or of the job's outputs if it is nil, may miss of earlier ones.
func (j *job) lackOfActivity(reader *activity) *lack {
	l := &lack{why: map[string]missing{}}
	for _, a := range j.activities {
		if a == reader {
			break
		}
		why := a.mayNotRun()
		if why == "" && reader != nil && (reader.runOn == plan.OnFailed || reader.runOn == plan.OnAlways) {
			why = fmt.Sprintf("this activity has run_on = %q", reader.runOn)
		}
		if why != "" {
			l.why["activity."+a.name] = missing{codeMayNotRun,
				fmt.Sprintf("activity.%s may have failed or been skipped, since %s, and then has no outputs.", a.name, why), `coalesce(..., "none")`}
		}
	}
	if len(l.why) == 0 {
		return nil
	}
	return l
}

func (v *value) refersTo(root string) bool {
	if v == nil {
		return false
	}
	for _, r := range v.refs {
		if r.root == root {
			return true
		}
	}
	return false
}

// reportAbsent blames the references of a value that are null here, if there are any: the value is right where they are not.
// Those at the place of the mistake come first.
func (e *evaluator) reportAbsent(v *value, at place) bool {
	var list []reference
	e.absentRefs(v, map[*value]bool{}, &list)
	if len(list) == 0 && e.sparse { // all was right while nothing was missing
		e.ps.add(codeNull, at, "Value may be null", "An attribute that is optional and has no default is null where it is left out. "+
			"Give a substitute: coalesce(..., \"none\"), or a default: optional(string, \"none\").")
		return true
	}
	if len(list) == 0 {
		return false
	}
	r := list[0]
	for _, other := range list {
		if other.whole.src == at.src && other.whole.start < at.end && at.start < other.whole.end {
			r = other
			break
		}
	}
	if e.lack != nil && e.lack.null(r) {
		why := e.lack.why[r.String()]
		e.ps.add(why.code, r.whole, "Value may be null", "%s Give a substitute: %s.", why.detail, why.instead)
		return true
	}
	if r.root == "run" {
		e.ps.add(codeNoRun, r.at, "Value not known", "%s is not known here: %s.", r, e.absent[r.String()])
		return true
	}
	instead := fmt.Sprintf("coalesce(%s, \"none\").", r)
	switch r.String() {
	case "event.pull_request":
		instead = `event.kind == "pull_request" ? ... : ...`
	case "event.changed":
		instead = "coalesce(event.changed, [])."
	}
	e.ps.add(codeNull, r.at, "Value may be null", "%s does not exist for every event%s: it is null for %s. Write %s",
		r, e.thatStarts(), e.absent[r.String()], instead)
	return true
}

func (e *evaluator) thatStarts() string {
	if e.known {
		return ""
	}
	return " that starts this pipeline"
}

// absentRefs gathers the references of a value that are null here, those of its locals included.
func (e *evaluator) absentRefs(v *value, seen map[*value]bool, list *[]reference) {
	if v == nil || seen[v] {
		return
	}
	seen[v] = true
	for _, r := range v.refs {
		_, null := e.absent[r.String()]
		if null || e.lack != nil && e.lack.null(r) {
			*list = append(*list, r)
		}
		if r.root == "local" {
			e.absentRefs(e.config.locals[r.name].value, seen, list)
		}
	}
}
