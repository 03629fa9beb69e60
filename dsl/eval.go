package dsl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// An evaluator evaluates the values of a Config: with unknown values for one kind of events, with those of an event, or
// with what a run found out since. It is the only one there is, so that what is checked is what happens.
type evaluator struct {
	config *Config
	ps     *problems
	commit tree // what expressions that belong to no library ask about files

	// known says that there is an event. Without one, nothing but the problems of an evaluation means anything.
	known    bool
	roots    map[string]cty.Value // event, repo, run
	absent   map[string]string    // references that are null for this event: "event.branch" is so "for a push of a tag"
	settings *Settings            // nil if nobody knows
	late     *Late                // nil while a run is planned
	reveal   bool                 // secrets may be in what is answered: it goes to the agent, and nowhere else

	spot spot // where it is

	// variant is the kind of events that is checked. What looks the same as for another one, in looks, is not looked at again.
	variant variant
	looks   map[look]bool
	// lack makes what may be missing null; only what refers to that is looked at. Nil means that nothing is missing.
	lack *lack
	// typing says that only types matter, of what another job puts out.
	typing bool
	// sparse says that optional attributes are missing.
	sparse bool

	bad        map[*value]bool // reported already; what depends on them stays silent
	locals     map[scoped]cty.Value
	variables  map[scoped]cty.Value
	ends       map[*job]cty.Value // what other jobs see of one
	unresolved []unresolved
	masks      map[string][]string // the texts of what must not be shown, by what is marked with
	stop       bool                // the budget is spent
}

// A spot is the place of a pipeline where an evaluator is, with the values that only exist there.
type spot struct {
	job         *job
	matrix      cty.Value // an object
	input       cty.Value // an object
	inputPhase  phase     // from when on the inputs of a definition are known
	environment string
}

// scoped is a name whose value depends on the environment of a job.
type scoped struct{ environment, name string }

// An unresolved is a value that is not known yet.
type unresolved struct {
	v     *value
	phase phase
}

// at evaluates something in another place.
func (e *evaluator) at(f spot, do func()) {
	before := e.spot
	e.spot = f
	do()
	e.spot = before
}

// eval evaluates an expression, and reports what is wrong with it. After a mistake it answers what could be made of the
// rest, so that more mistakes can be found in that; ok is then false.
func (e *evaluator) eval(v *value) (got cty.Value, ok bool) {
	if e.lack != nil && !e.lack.concerns(v) || e.seen(v) {
		return cty.DynamicVal, false
	}
	return e.evaluate(v)
}

// evaluate is eval for what has to have a value each time.
func (e *evaluator) evaluate(v *value) (got cty.Value, ok bool) {
	if e.stop || e.bad[v] {
		return cty.DynamicVal, false
	}
	got, diags := e.run(v)
	if e.stop {
		return cty.DynamicVal, false // while a local was evaluated
	}
	if e.config.m.spent() {
		e.stop = true
		e.ps.add(codeExpensive, v.at, "Too expensive", "To evaluate this takes more than %d steps. Loop over less.", maxSteps)
		return cty.DynamicVal, false
	}
	failed := false
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			e.diagnostic(v, d)
			failed = true
		}
	}
	if failed {
		e.spoil(v)
		if t := got.Type(); !t.IsObjectType() && !t.IsTupleType() {
			return cty.DynamicVal, false
		}
		return got, false
	}
	if e.known && !e.typing && !got.IsWhollyKnown() {
		e.leave(v)
	}
	return got, true
}

// seen says whether a value was checked before, for events for which it is the same.
func (e *evaluator) seen(v *value) bool {
	if e.looks == nil || e.lack != nil || e.typing {
		return false
	}
	l := e.variant.lookOf(v)
	if e.looks[l] {
		return true
	}
	e.looks[l] = true
	return false
}

// leave notes that a value is not known yet.
func (e *evaluator) leave(v *value) {
	from := max(v.phase, dispatch)
	if e.spot.input != cty.NilVal && e.spot.inputPhase > from {
		from = e.spot.inputPhase
	}
	if v.late {
		from = agent
	}
	for _, u := range e.unresolved {
		if u.v == v {
			return
		}
	}
	e.unresolved = append(e.unresolved, unresolved{v, from})
}

func (e *evaluator) spoil(v *value) {
	if e.bad == nil {
		e.bad = map[*value]bool{}
	}
	e.bad[v] = true
}

// run calls hcl. A panic in there is a mistake of hcl's, or ours, and must not take the server's compiler down.
func (e *evaluator) run(v *value) (got cty.Value, diags hcl.Diagnostics) {
	defer func() {
		if r := recover(); r != nil {
			detail := fmt.Sprintf(" (%.200s)", fmt.Sprint(r))
			if e.late != nil {
				detail = "" // it may hold a secret
			}
			got, diags = cty.DynamicVal, hcl.Diagnostics{mistake(codeInternal, "Internal error", v.expr.Range(),
				"Evaluating this failed inside of tutti%s. Please report it.", detail)}
		}
	}()
	ctx := &hcl.EvalContext{Variables: e.variablesOf(v), Functions: e.config.m.functions}
	if e.stop {
		return cty.DynamicVal, nil
	}
	e.config.m.tree.now = e.commit
	if v.library != "" {
		e.config.m.tree.now = e.config.trees[v.library]
	}
	return v.expr.Value(ctx)
}

// variablesOf gathers what an expression refers to, and no more.
func (e *evaluator) variablesOf(v *value) map[string]cty.Value {
	if len(v.refs) == 0 {
		return nil
	}
	variables := make(map[string]cty.Value, 4)
	var groups map[string]map[string]cty.Value
	for _, r := range v.refs {
		switch r.root {
		case "event", "repo", "run":
			variables[r.root] = e.roots[r.root]
		case "input":
			variables[r.root] = orUnknown(e.spot.input)
		case "matrix":
			variables[r.root] = orUnknown(e.spot.matrix)
		default:
			if groups == nil {
				groups = map[string]map[string]cty.Value{}
			}
			if groups[r.root] == nil {
				groups[r.root] = map[string]cty.Value{}
			}
			if _, there := groups[r.root][r.name]; !there {
				groups[r.root][r.name] = e.member(v, r)
			}
		}
	}
	for name, group := range groups {
		variables[name] = cty.ObjectVal(group)
	}
	return variables
}

func orUnknown(v cty.Value) cty.Value {
	if v == cty.NilVal {
		return cty.DynamicVal
	}
	return v
}

// member answers the value of root.name, for the roots whose members are computed one by one.
func (e *evaluator) member(v *value, r reference) cty.Value {
	switch r.root {
	case "local":
		return e.local(r.name)
	case "var":
		return e.variable(r.name)
	case "secret":
		return e.secret(r.name)
	case "activity":
		return e.activityEnd(r.name)
	default:
		return sparedEnd(v, e.nodeEnd(r.name))
	}
}

// sparedEnd is the end of a job for a value that takes nothing sensitive out of it.
func sparedEnd(v *value, end cty.Value) cty.Value {
	if !v.spares || end.Type() == cty.DynamicPseudoType || !end.Type().HasAttribute("each") || end.GetAttr("each").IsKnown() {
		return end
	}
	each, _ := end.GetAttr("each").Unmark()
	return cty.ObjectVal(map[string]cty.Value{"result": end.GetAttr("result"), "each": each})
}

// local evaluates a local, once for each environment. Locals have no cycles, and a chain of them is as long as there are locals.
func (e *evaluator) local(name string) cty.Value {
	key := scoped{e.spot.environment, name}
	if got, ok := e.locals[key]; ok {
		return got
	}
	got := cty.DynamicVal
	if l := e.config.locals[name]; l.value != nil {
		e.at(spot{environment: e.spot.environment}, func() { got, _ = e.evaluate(l.value) }) // what is wrong is reported, and got stands for it
	}
	if e.locals == nil {
		e.locals = map[scoped]cty.Value{}
	}
	e.locals[key] = got
	return got
}
