package dsl

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// uses plans an activity that uses a definition: the definition's work, with what the occurrence sets itself on top.
func (e *evaluator) uses(a *activity, made *plan.Activity) {
	made.Uses = a.use.name
	input, ok := e.with(a)
	if e.known && ok && !a.use.opaque {
		from := compile
		if a.with != nil {
			from = a.with.phase
		}
		outer := e.spot
		e.at(spot{job: outer.job, input: input, inputPhase: from, environment: outer.environment}, func() {
			for _, in := range a.use.inputs {
				e.hold(in.checks, orPlace(a.with, in.name, a.at))
			}
			e.work(&a.use.work, made)
		})
	}
	if !e.known && !a.use.opaque { // as far as it does not depend on inputs
		e.quietly(func(quiet *evaluator) {
			quiet.looks = nil // it is looked at for each of its uses
			quiet.at(spot{input: quiet.unknownInputs(a.use.inputs)}, func() { quiet.again(&a.use.work, made) })
		})
	}
	own := a.work
	own.outputs = nil
	e.work(&own, made)
}

// orPlace answers the place of an item of an object that is written out, or another one.
func orPlace(v *value, name string, otherwise place) place {
	if v == nil || v.find(name) == nil {
		return otherwise
	}
	return v.item(name)
}

// with evaluates the inputs of a definition for one occurrence, name by name. ok is false if something is wrong with them.
func (e *evaluator) with(a *activity) (cty.Value, bool) {
	given := map[string]cty.Value{}
	if a.with != nil {
		got, ok := e.eval(a.with)
		t := got.Type()
		if !ok && !t.IsObjectType() {
			return cty.DynamicVal, false
		}
		if got.IsNull() || !t.IsObjectType() && !t.IsMapType() && t != cty.DynamicPseudoType {
			e.mismatch(a.with, a.with.at, codeType, "%s must be an object, but this is %s.", a.with.title(), valueName(got))
			return cty.DynamicVal, false
		}
		if got.IsMarked() || !got.IsKnown() {
			e.ps.add(codeType, a.with.at, "Wrong type", "%s must be an object that is written out, so that its inputs can be checked one by one.", a.with.title())
			return cty.DynamicVal, false
		}
		given = got.AsValueMap()
	}
	if a.use.opaque {
		return cty.DynamicVal, true
	}
	ok := e.knownInputs(a, given)
	values := map[string]cty.Value{}
	for _, in := range a.use.inputs {
		value, fits := e.give(a, in, given)
		values[in.name] = value
		ok = ok && fits
	}
	return cty.ObjectVal(values), ok
}

// knownInputs reports what the definition does not know.
func (e *evaluator) knownInputs(a *activity, given map[string]cty.Value) bool {
	ok := true
	var names []string
	for _, in := range a.use.inputs {
		names = append(names, in.name)
	}
	for name := range given {
		if a.use.input(name) == nil {
			e.ps.add(codeInput, a.with.key(name), "Unknown input", "The definition has no input %q.%s", name,
				orText(didYouMean(name, names), " Its inputs are "+join(names)+"."))
			ok = false
		}
	}
	return ok
}

// give answers the value of one input.
func (e *evaluator) give(a *activity, in *input, given map[string]cty.Value) (cty.Value, bool) {
	got, set := given[in.name]
	if !set {
		if in.fallback == cty.NilVal && e.lack == nil {
			e.ps.add(codeMissingInput, orWhole(a), "Missing input", "activity %q does not set the required input %q (%s).", a.name, in.name, in.typ)
			return unknownOf(in.typ.Type), false
		}
		return e.sensitive(in, orUnknown(in.fallback)), true
	}
	if got.ContainsMarked() && !in.sensitive {
		_, marks := got.UnmarkDeep()
		e.ps.add(codeLeak, a.with.item(in.name), "Secret would leak", "input %q of %s would contain %s, and is not sensitive. "+
			"Secrets may flow only into env, with, and inputs or outputs marked sensitive.", in.name, a.use.name, marked(marks))
		e.spoil(a.with)
		return unknownOf(in.typ.Type), false
	}
	got, ok := e.takenAt(a.with, a.with.item(in.name), fmt.Sprintf("input %q", in.name), got, in.typ)
	return e.sensitive(in, got), ok
}

// sensitive marks the value of an input that must not be shown.
func (e *evaluator) sensitive(in *input, v cty.Value) cty.Value {
	if !in.sensitive || v.ContainsMarked() {
		return v
	}
	return e.mark(v, "the sensitive input "+in.name)
}

func orWhole(a *activity) place {
	if a.with != nil {
		return a.with.at
	}
	return a.at
}

// definition checks one for itself, with unknown inputs: a mistake in it is found once, and before anybody uses it.
func (e *evaluator) definition(d *definition) {
	inputs := map[string]cty.Value{}
	for _, in := range d.inputs {
		inputs[in.name] = e.sensitive(in, e.unknown(in.typ))
	}
	e.at(spot{input: cty.ObjectVal(inputs)}, func() {
		for _, in := range d.inputs {
			e.hold(in.checks, in.at)
		}
		var made plan.Activity
		e.work(&d.work, &made)
		e.onceOnly(d.title(), d.work.retries, &made)
	})
}
