package dsl

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"
)

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
	if e.reportAbsent(v, at) {
		return
	}
	if own != nil {
		e.ps.add(own.code, at, own.title, "%s", own.detail)
		return
	}
	c, title := classify(d.Summary)
	e.ps.add(c, at, title, "%s", e.detail(d))
}

// detail answers hcl's words. Where there are values, they may hold one, which may be secret: so they are replaced.
func (e *evaluator) detail(d *hcl.Diagnostic) string {
	if !e.known {
		return d.Detail
	}
	switch d.Summary {
	case "Invalid index":
		return "There is no such element in the list, map or object, with the values that there are now."
	case "Missing map element":
		return "The map has no such element."
	case "Division by zero":
		return "This divides by zero."
	case "Unsupported attribute", "Attempt to get attribute from null value", "Invalid template interpolation value", "Iteration over null value":
		return d.Detail // names and types only
	}
	if call, ok := d.Extra.(hclsyntax.FunctionCallDiagExtra); ok {
		return fmt.Sprintf("%s() cannot do this with the values that there are now. They are not shown here, since one may be secret.", call.CalledFunctionName())
	}
	return "This cannot be done with the values that there are now. They are not shown here, since one may be secret."
}

// classify gives hcl's summaries our codes.
func classify(summary string) (code, string) {
	switch summary {
	case "Unsupported attribute", "Missing map element", "Invalid index":
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
