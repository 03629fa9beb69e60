package dsl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// guardFor adds what hcl leaves out: over an unknown list it answers without a look at the body, so that a mistake there
// would come to light only in a run.
func (m *meter) guardFor(g *guarded, e *hclsyntax.ForExpr) {
	collection, body := m.guard(e.CollExpr), m.guard(e.ValExpr)
	body.extra = 2 // a turn of the loop has a scope of its own
	e.CollExpr, e.ValExpr = collection, body
	if e.KeyExpr != nil {
		e.KeyExpr = m.guard(e.KeyExpr)
	}
	if e.CondExpr != nil {
		condition := m.guard(e.CondExpr)
		condition.want = cty.Bool
		e.CondExpr = condition
	}
	g.after = func(ctx *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		c := collection.last
		if c == cty.NilVal || c.IsKnown() || diags.HasErrors() {
			return v, diags
		}
		return typedFor(ctx, e, c.Type(), diags)
	}
}

// typedFor evaluates the body of a for once, with an unknown element of the right type.
func typedFor(ctx *hcl.EvalContext, e *hclsyntax.ForExpr, over cty.Type, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
	if !over.IsCollectionType() {
		return cty.DynamicVal, diags
	}
	key, element := cty.Number, over.ElementType()
	switch {
	case over.IsMapType():
		key = cty.String
	case over.IsSetType():
		key = element
	}
	child := ctx.NewChild()
	child.Variables = map[string]cty.Value{e.ValVar: cty.UnknownVal(element)}
	if e.KeyVar != "" {
		child.Variables[e.KeyVar] = cty.UnknownVal(key)
	}
	for _, part := range []hclsyntax.Expression{e.CondExpr, e.KeyExpr} {
		if part != nil {
			_, more := part.Value(child)
			diags = append(diags, more...)
		}
	}
	v, more := e.ValExpr.Value(child)
	diags = append(diags, more...)
	t := v.Type()
	switch {
	case t == cty.DynamicPseudoType || diags.HasErrors():
		return cty.DynamicVal, diags
	case e.KeyExpr == nil:
		return cty.UnknownVal(cty.List(t)), diags
	case e.Group:
		return cty.UnknownVal(cty.Map(cty.List(t))), diags
	default:
		return cty.UnknownVal(cty.Map(t)), diags
	}
}

// afterJoin hides the type of an unknown list from the join of a %{ for } directive, which panics on what is no tuple.
func afterJoin(inner func(*hcl.EvalContext, cty.Value, hcl.Diagnostics) (cty.Value, hcl.Diagnostics)) func(
	*hcl.EvalContext, cty.Value, hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
	return func(ctx *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if inner != nil {
			v, diags = inner(ctx, v, diags)
		}
		if v.IsNull() || !v.IsKnown() || !v.Type().IsTupleType() {
			return cty.DynamicVal, diags
		}
		return v, diags
	}
}
