package dsl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// guardFor adds what hcl leaves out: over an unknown list it answers without a look at the body, so that a mistake there
// would come to light only in a run.
func (m *meter) guardFor(g *guarded, e *hclsyntax.ForExpr) {
	collection := m.within(g, e.CollExpr)
	m.scopes = append(m.scopes, e)
	body := m.within(g, e.ValExpr)
	body.extra = 2 // a turn of the loop has a scope of its own
	e.CollExpr, e.ValExpr = collection, body
	if e.KeyExpr != nil {
		e.KeyExpr = m.within(g, e.KeyExpr)
	}
	if e.CondExpr != nil {
		condition := m.within(g, e.CondExpr)
		condition.want = cty.Bool
		e.CondExpr = condition
	}
	m.scopes = m.scopes[:len(m.scopes)-1]
	g.after = func(ctx *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		c := collection.last
		if c == cty.NilVal || c.IsKnown() || diags.HasErrors() {
			return v, diags
		}
		typed, diags := typedFor(ctx, e, c.Type(), diags)
		return typed.WithSameMarks(c, typed), diags
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
	v, marks := v.UnmarkDeep()
	made, diags := typedResult(e, v.Type(), diags)
	return made.WithMarks(marks), diags
}

// typedResult is what a for over an unknown list makes of elements of a type.
func typedResult(e *hclsyntax.ForExpr, t cty.Type, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
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
func afterJoin(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
	if v.IsNull() || !v.IsKnown() || !v.Type().IsTupleType() {
		return cty.DynamicVal.WithSameMarks(v), diags
	}
	return v, diags
}
