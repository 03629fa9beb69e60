package dsl

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// An evaluator evaluates the values of a Config for one event, or for one kind of events with unknown values.
type evaluator struct {
	config *Config
	ps     *problems
	roots  map[string]cty.Value // event, repo, run, input; nil in the literal phase
	// absent says of references that are null for this event why they are: "event.branch" is so "for a push of a tag".
	absent map[string]string
	// variant says that everything was checked before, for another kind of events, so that only what varies is looked at.
	variant bool
	bad     map[*value]bool // reported already; what depends on them stays silent
	locals  map[string]cty.Value
	stop    bool // the budget is spent
}

// eval evaluates an expression, and reports what is wrong with it. After a mistake it answers an unknown value, with
// which evaluation can go on.
func (e *evaluator) eval(v *value) (cty.Value, bool) {
	if e.stop || e.bad[v] || e.variant && !v.varies {
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
		return cty.DynamicVal, false
	}
	return got, true
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
			got, diags = cty.DynamicVal, hcl.Diagnostics{mistake(codeInternal, "Internal error", v.expr.Range(),
				"Evaluating this failed inside of tutti (%.200s). Please report it.", fmt.Sprint(r))}
		}
	}()
	ctx := &hcl.EvalContext{Variables: make(map[string]cty.Value, len(e.roots)+1), Functions: e.config.m.functions}
	for name, root := range e.roots {
		ctx.Variables[name] = root
	}
	if len(v.locals) > 0 {
		object := make(map[string]cty.Value, len(v.locals))
		for _, name := range v.locals {
			object[name] = e.local(name)
		}
		ctx.Variables["local"] = cty.ObjectVal(object)
	}
	return v.expr.Value(ctx)
}

// local evaluates a local, once. Locals have no cycles, and a chain of them is as long as there are locals.
func (e *evaluator) local(name string) cty.Value {
	if got, ok := e.locals[name]; ok {
		return got
	}
	got := cty.DynamicVal
	if l := e.config.locals[name]; l.value != nil {
		got, _ = e.eval(l.value) // what is wrong is reported, and got stands for it
	}
	if e.locals == nil {
		e.locals = map[string]cty.Value{}
	}
	e.locals[name] = got
	return got
}

// diagnostic turns a diagnostic of hcl's into a problem of ours.
func (e *evaluator) diagnostic(v *value, d *hcl.Diagnostic) {
	at := v.at
	if d.Subject != nil {
		at = v.at.src.at(*d.Subject)
	}
	own, _ := d.Extra.(*limitError)
	if call, ok := d.Extra.(hclsyntax.FunctionCallDiagExtra); ok {
		var crash function.PanicError
		if errors.As(call.FunctionCallError(), &crash) {
			e.ps.add(codeInternal, at, "Internal error", "%s() failed inside of tutti. Please report it.", call.CalledFunctionName())
			return
		}
		errors.As(call.FunctionCallError(), &own)
	}
	if own != nil && own.code != codeType {
		e.ps.add(own.code, at, own.title, "%s", own.detail)
		return
	}
	if e.reportAbsent(v) {
		return
	}
	if own != nil {
		e.ps.add(own.code, at, own.title, "%s", own.detail)
		return
	}
	c, title := classify(d.Summary)
	e.ps.add(c, at, title, "%s", d.Detail)
}

// classify gives hcl's summaries our codes.
func classify(summary string) (code, string) {
	switch summary {
	case "Unsupported attribute":
		return codeReference, "Unknown reference"
	case "Invalid function argument", "Not enough function arguments", "Too many function arguments", "Error in function call",
		"Invalid expanding argument value":
		return codeCall, summary
	case "Invalid template interpolation value", "Iteration over non-iterable value", "Inconsistent conditional result types",
		"Invalid operand", "Incorrect condition type", "Invalid 'for' condition", "Invalid object key":
		return codeType, "Wrong type"
	case "Iteration over null value", "Null condition", "Condition is null", "Splat of null value", "Attempt to get attribute from null value",
		"Attempt to index null value":
		return codeNull, "Value is null"
	}
	return codeOperation, summary
}

// reportAbsent blames the references of a value that are null for this event, if there are any: the value is right for
// other events.
func (e *evaluator) reportAbsent(v *value) bool {
	r, ok := e.absentRef(v, map[*value]bool{})
	if !ok {
		return false
	}
	if r.String() == "run.id" {
		e.ps.add(codeNoRun, r.at, "Value not known", "run.id is not known here: %s.", e.absent[r.String()])
		return true
	}
	e.ps.add(codeNull, r.at, "Value may be null", "%s does not exist for every event: it is null for %s. Write coalesce(%s, \"none\").",
		r, e.absent[r.String()], r)
	return true
}

func (e *evaluator) absentRef(v *value, seen map[*value]bool) (reference, bool) {
	if v == nil || seen[v] {
		return reference{}, false
	}
	seen[v] = true
	for _, r := range v.refs {
		if _, null := e.absent[r.String()]; null {
			return r, true
		}
		if r.root == "local" {
			if found, ok := e.absentRef(e.config.locals[r.name].value, seen); ok {
				return found, true
			}
		}
	}
	return reference{}, false
}
