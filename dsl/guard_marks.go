package dsl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// marksOf keeps the secrets in mind that a value is made of which is not known yet. Where not even its type is known, as with an
// object whose keys are not, hcl and its functions forget them, and a leak would come to light only in a run.
func marksOf(parts ...*guarded) afterFunc {
	return func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if v.IsKnown() || len(diags) > 0 {
			return v, diags
		}
		for _, p := range parts {
			if p.last != cty.NilVal && p.last.ContainsMarked() {
				_, marks := p.last.UnmarkDeep()
				v = v.WithMarks(marks)
			}
		}
		return v, diags
	}
}

// marksOfUntyped is marksOf for the arguments of a function: where it knows the type of its result, it knows what is secret in it.
func marksOfUntyped(args []*guarded) afterFunc {
	keep := marksOf(args...)
	return func(ctx *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if v.Type() != cty.DynamicPseudoType {
			return v, diags
		}
		return keep(ctx, v, diags)
	}
}

// partsOf are the keys and values of an object that are computed.
func partsOf(e *hclsyntax.ObjectConsExpr) []*guarded {
	var parts []*guarded
	for _, item := range e.Items {
		expr := item.KeyExpr
		if key, ok := expr.(*hclsyntax.ObjectConsKeyExpr); ok {
			expr = key.Wrapped
		}
		for _, x := range []hclsyntax.Expression{expr, item.ValueExpr} {
			if part, ok := x.(*guarded); ok {
				parts = append(parts, part)
			}
		}
	}
	return parts
}
