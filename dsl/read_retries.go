package dsl

import (
	"math/big"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// causes are the keys of retries by cause.
var causes = []string{string(plan.CauseExit), string(plan.CauseTimeout), string(plan.CauseOOM), string(plan.CauseImage),
	string(plan.CauseOutput), string(plan.CauseLost)}

const maxRetries = 10

// retries reads a number, or an object of numbers by cause.
func (e *evaluator) retries(v *value) plan.Retries {
	got, ok := e.plainValue(v)
	switch t := got.Type(); {
	case v == nil || !ok || t == cty.DynamicPseudoType && !got.IsNull():
	case got.IsNull() || t != cty.Number && !t.IsObjectType() && !t.IsMapType():
		e.mismatch(v, v.at, codeType, "%s must be a number, or an object of numbers by cause, but this is %s.", v.title(), valueName(got))
	case !got.IsKnown():
	case t == cty.Number:
		n, _ := e.times(v, v.at, got)
		return plan.Retries{Any: n}
	default:
		return plan.Retries{By: e.retriesByCause(v, got, e.anyCause)}
	}
	return plan.Retries{}
}

// retriesIfLost reads the retries of a job.
func (e *evaluator) retriesIfLost(v *value) plan.Retries {
	got, ok := e.plainValue(v)
	switch t := got.Type(); {
	case v == nil || !ok || t == cty.DynamicPseudoType && !got.IsNull():
	case got.IsNull() || !t.IsObjectType() && !t.IsMapType():
		e.mismatch(v, v.at, codeType, "%s must be an object such as { lost = 2 }, but this is %s. "+
			"A job is begun anew only when it was lost; for all else there are the retries of its activities.", v.title(), valueName(got))
	case got.IsKnown():
		return plan.Retries{By: e.retriesByCause(v, got, e.onlyLost)}
	}
	return plan.Retries{}
}

func (e *evaluator) retriesByCause(v *value, got cty.Value, allowed func(v *value, name string) bool) map[plan.Cause]int {
	by := map[plan.Cause]int{}
	for it := got.ElementIterator(); it.Next(); {
		key, element := it.Element()
		name := key.AsString()
		if !allowed(v, name) {
			continue
		}
		if n, ok := e.times(v, v.item(name), element); ok && n > 0 {
			by[plan.Cause(name)] = n
		}
	}
	if len(by) == 0 {
		return nil
	}
	return by
}

// anyCause reports what is no cause.
func (e *evaluator) anyCause(v *value, name string) bool {
	if !slices.Contains(causes, name) {
		e.ps.add(codeAttribute, v.key(name), "Unknown cause", "There is no cause %q. Known: %s.%s", name, strings.Join(causes, ", "), didYouMean(name, causes))
		return false
	}
	return true
}

// onlyLost reports what no job is begun anew for.
func (e *evaluator) onlyLost(v *value, name string) bool {
	const lost = string(plan.CauseLost)
	switch {
	case name == lost:
		return true
	case slices.Contains(causes, name):
		e.ps.add(codeAttribute, v.key(name), "Not a cause for a job", "A job is begun anew only when it was lost: { lost = 2 }. "+
			"The cause %q belongs to the \"retries\" of an activity.", name)
	default:
		e.ps.add(codeAttribute, v.key(name), "Unknown cause", "There is no cause %q. A job has only %s.%s", name, lost, didYouMean(name, []string{lost}))
	}
	return false
}

func (e *evaluator) times(v *value, at place, got cty.Value) (int, bool) {
	if t := got.Type(); t == cty.DynamicPseudoType && !got.IsNull() {
		return 0, false
	} else if got.IsNull() || t != cty.Number {
		e.mismatch(v, at, codeType, "%s must count in numbers, but this is %s.", v.title(), valueName(got))
		return 0, false
	}
	if !got.IsKnown() {
		return 0, false
	}
	n, exact := got.AsBigFloat().Int64()
	if exact != big.Exact || n < 0 || n > maxRetries {
		e.ps.add(codeValue, at, "Invalid number", "%s must be a whole number from 0 to %d.", v.title(), maxRetries)
		return 0, false
	}
	return int(n), true
}

// again plans whether and when an activity may be begun once more. What is set already, and not here, stays.
func (e *evaluator) again(w *work, made *plan.Activity) {
	if w.retries != nil {
		made.Retries = e.retries(w.retries)
	}
	if w.effects != nil {
		made.SideEffects, _ = e.flag(w.effects)
	}
}

// onceOnly reports that an activity with side effects would be tried again after it was lost.
func (e *evaluator) onceOnly(title string, retries *value, made *plan.Activity) {
	if !made.SideEffects {
		return
	}
	const lost = plan.CauseLost
	switch {
	case made.Retries.Any > 0:
		e.ps.add(codeSideEffects, retries.at, "Side effects twice", "%s has side effects, and would be tried again also after it was lost, "+
			"when nobody knows how far it came. Name the causes: retries = { exit = %d }.", capital(title), made.Retries.Any)
	case made.Retries.By[lost] > 0:
		e.ps.add(codeSideEffects, retries.item(string(lost)), "Side effects twice", "%s has side effects, and would be tried again after it was lost, "+
			"when nobody knows how far it came. Leave out %q.", capital(title), lost)
	}
}

// onceOnlyIn reports that a job would be begun anew in which an activity has side effects.
func (e *evaluator) onceOnlyIn(j *job, made *plan.Job) {
	if made.Retries.By[plan.CauseLost] == 0 {
		return
	}
	for _, a := range made.Activities {
		if a.SideEffects && a.Skip == "" {
			e.ps.add(codeSideEffects, j.retries.item(string(plan.CauseLost)), "Side effects twice", "%s would be begun anew when it was lost, and its activity %q "+
				"has side effects. Move that to a job of its own, or leave out %q.", capital(j.retries.owner), a.Name, "retries")
			return
		}
	}
}
