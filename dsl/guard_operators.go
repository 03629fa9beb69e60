package dsl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// guardConditional reports the mistakes of both branches while the condition is unknown; hcl then drops them.
func (m *meter) guardConditional(g *guarded, e *hclsyntax.ConditionalExpr) {
	condition, yes, no := m.within(g, e.Condition), m.within(g, e.TrueResult), m.within(g, e.FalseResult)
	condition.want = cty.Bool
	no.fixed = false // so that this is seen each time
	no.then(func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if yes.last == cty.NilVal || v.Type().Equals(yes.last.Type()) {
			return v, diags
		}
		return m.unified(v, v.Type(), yes.last.Type()), diags
	})
	e.Condition, e.TrueResult, e.FalseResult = condition, yes, no
	g.after = func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if condition.last != cty.NilVal && !condition.last.IsKnown() {
			diags = append(append(diags, yes.trouble...), no.trouble...)
		}
		return v, diags
	}
}

func (m *meter) guardBinary(g *guarded, e *hclsyntax.BinaryOpExpr) {
	left, right := m.within(g, e.LHS), m.within(g, e.RHS)
	e.LHS, e.RHS = left, right
	if want := e.Op.Impl.Params()[0].Type; want != cty.DynamicPseudoType {
		left.want, right.want = want, want
		return
	}
	g.after = func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if d := comparable(left.last, right.last, g.Range()); d != nil {
			diags = append(diags, d)
		}
		return v, diags
	}
}

// comparable reports comparisons whose answer does not depend on the values.
func comparable(l, r cty.Value, at hcl.Range) *hcl.Diagnostic {
	if l == cty.NilVal || r == cty.NilVal {
		return nil
	}
	a, b := l.Type(), r.Type()
	switch {
	case a == cty.DynamicPseudoType || b == cty.DynamicPseudoType:
		return nil // null, or something that is reported already
	case !a.IsPrimitiveType() || !b.IsPrimitiveType():
		return mistake(codeComparison, "Not comparable", at,
			"This compares %s with %s. Only strings, numbers and bools can be compared.", aType(a), aType(b))
	case a != b:
		return mistake(codeComparison, "Comparison is always the same", at,
			"This compares %s with %s, which are never equal.", aType(a), aType(b))
	}
	return nil
}
