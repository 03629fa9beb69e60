package dsl

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A guarded is a node of an expression under the meter. hclsyntax.Expression cannot be implemented outside of hclsyntax,
// but it can be embedded.
//
// Apart from counting, it makes hcl stricter where it would accept a mistake in silence; see the functions after and want.
type guarded struct {
	hclsyntax.Expression
	m *meter
	// want is the type that the parent would convert to, if it must have it already: "5" + 1 is no 6 here, and a text of
	// ten characters can be a number that takes minutes to compute.
	want cty.Type
	// extra is what the node costs besides one step.
	extra int
	// builds says that the node makes a value that was not there before, which has to be measured.
	builds bool
	// after sees the value of the node before its parent does.
	after afterFunc
	// last and trouble are what the node answered last, for the parent to look at.
	last    cty.Value
	trouble hcl.Diagnostics
	// reach is the outermost scope that the node refers to: 0 for the roots and whatever else is not the same for ever, and n
	// for the n-th of the loops around it. It is fixed if that is deeper than the scope that it stands in: it has one value.
	reach int
	fixed bool
	known bool // it is fixed, and last is its value
	// keys are those of an object whose keys are all written out; nil for all else.
	keys []string
}

type afterFunc func(ctx *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics)

// then adds to what sees the value of the node.
func (g *guarded) then(f afterFunc) {
	first := g.after
	if first == nil {
		g.after = f
		return
	}
	g.after = func(ctx *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		v, diags = first(ctx, v, diags)
		return f(ctx, v, diags)
	}
}

// nowhere is the reach of what refers to nothing.
const nowhere = maxNesting + maxOperators

// maxTrouble bounds the diagnostics of one node: a loop can make any number.
const maxTrouble = 50

// Value implements hcl.Expression.
func (g *guarded) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if !g.m.charge(1 + g.extra) {
		return cty.DynamicVal, nil
	}
	if g.known {
		return g.last, g.trouble
	}
	v, diags := g.value(ctx)
	if g.builds {
		if err := g.m.chargeValue(v); err != nil {
			v, diags = cty.DynamicVal, append(diags, err.diagnostic(g.Range()))
		}
	}
	if g.m.spent() {
		return cty.DynamicVal, nil
	}
	if g.after != nil {
		v, diags = g.after(ctx, v, diags)
	}
	if d := g.wrongType(v); d != nil {
		v, diags = cty.DynamicVal, append(diags, d)
	}
	if len(diags) > maxTrouble {
		diags = diags[:maxTrouble]
	}
	g.last, g.trouble, g.known = v, slices.Clip(diags), g.fixed
	return v, diags
}

// value is what hcl makes of the node. It makes each key of an object anew each time, so we do that ourselves.
func (g *guarded) value(ctx *hcl.EvalContext) (v cty.Value, diags hcl.Diagnostics) {
	if g.keys == nil {
		return g.Expression.Value(ctx)
	}
	values := make(map[string]cty.Value, len(g.keys))
	for i, item := range g.Expression.(*hclsyntax.ObjectConsExpr).Items {
		v, more := item.ValueExpr.Value(ctx)
		diags = append(diags, more...)
		values[g.keys[i]] = v
	}
	return cty.ObjectVal(values), diags
}

func (g *guarded) wrongType(v cty.Value) *hcl.Diagnostic {
	if g.want == cty.NilType || v.IsNull() || v.Type() == g.want || v.Type() == cty.DynamicPseudoType {
		return nil
	}
	return mistake(codeType, "Wrong type", g.Range(), "A %s is needed here, but this is %s.", typeName(g.want), aType(v.Type()))
}

// mistake is a diagnostic with a code of ours.
func mistake(c code, title string, at hcl.Range, detail string, args ...any) *hcl.Diagnostic {
	return (&limitError{c, title, fmt.Sprintf(detail, args...)}).diagnostic(at)
}

// guard puts an expression and all of its parts under the meter. It changes the expression, whose form must therefore
// have been checked before.
func (m *meter) guard(e hclsyntax.Expression) *guarded {
	if m.spoiled != nil && m.spoiled[e.Range().Start.Byte] {
		e = withoutSpoiled(e)
	}
	g := &guarded{Expression: e, m: m, want: cty.NilType, reach: nowhere}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		e.Expression = m.within(g, e.Expression)
	case *hclsyntax.TemplateExpr:
		g.builds = true
		m.guardTemplate(g, e)
	case *hclsyntax.TemplateWrapExpr:
		e.Wrapped = m.within(g, e.Wrapped)
		g.then(inQuotes)
	case *hclsyntax.TemplateJoinExpr:
		g.builds = true
		tuple := m.within(g, e.Tuple)
		tuple.then(afterJoin)
		g.then(marksOf(tuple))
		e.Tuple = tuple
	case *hclsyntax.ScopeTraversalExpr:
		g.reach = m.scopeOf(e.Traversal.RootName())
		g.after = namedAttributes(e.Traversal, nil)
	case *hclsyntax.RelativeTraversalExpr:
		from := m.within(g, e.Source)
		e.Source = from
		g.after = namedAttributes(e.Traversal, from)
	case *hclsyntax.IndexExpr:
		m.guardIndex(g, e)
	case *hclsyntax.SplatExpr:
		g.builds = true
		e.Source, e.Each = m.within(g, e.Source), m.within(g, e.Each)
	default:
		m.guardMore(g, e)
	}
	g.fixed = g.reach > len(m.scopes)
	return g
}

// guardWithout is guard for an expression some of whose references and calls are reported as wrong already, by the offsets
// where they start: what they stand for is not known, so that all else can still be checked.
func (m *meter) guardWithout(e hclsyntax.Expression, spoiled map[int]bool) *guarded {
	m.spoiled = spoiled
	defer func() { m.spoiled = nil }()
	return m.guard(e)
}

func withoutSpoiled(e hclsyntax.Expression) hclsyntax.Expression {
	switch e.(type) {
	case *hclsyntax.ScopeTraversalExpr, *hclsyntax.FunctionCallExpr:
		return &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal, SrcRange: e.Range()}
	}
	return e // it only starts with one
}

// within guards a part of g.
func (m *meter) within(g *guarded, e hclsyntax.Expression) *guarded {
	part := m.guard(e)
	g.reach = min(g.reach, part.reach)
	return part
}

// scopeOf answers the number of the loop that a name belongs to, from the outermost; 0 if it is a root.
func (m *meter) scopeOf(name string) int {
	for i := len(m.scopes) - 1; i >= 0; i-- {
		if s := m.scopes[i]; s.KeyVar == name || s.ValVar == name {
			return i + 1
		}
	}
	return 0
}

// guardTemplate leaves the one part of plain text alone.
func (m *meter) guardTemplate(g *guarded, e *hclsyntax.TemplateExpr) {
	if e.IsStringLiteral() {
		return
	}
	for i, p := range e.Parts {
		part := m.within(g, p)
		part.builds = true // it is copied
		e.Parts[i] = part
	}
}

// inQuotes makes text of "${5}", which hcl leaves a number: what stands in quotes is text.
func inQuotes(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
	if v.IsNull() || v.Type() != cty.Number && v.Type() != cty.Bool {
		return v, diags
	}
	bare, marks := v.Unmark()
	text := cty.UnknownVal(cty.String).RefineNotNull()
	if bare.IsKnown() {
		text = cty.StringVal(plainText(bare))
	}
	return text.WithMarks(marks), diags
}

func (m *meter) guardMore(g *guarded, e hclsyntax.Expression) {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
	case *hclsyntax.TupleConsExpr:
		g.builds = true
		for i, x := range e.Exprs {
			e.Exprs[i] = m.within(g, x)
		}
	case *hclsyntax.ObjectConsExpr:
		g.builds = true
		m.guardObject(g, e)
	case *hclsyntax.ForExpr:
		g.builds = true
		m.guardFor(g, e)
	case *hclsyntax.FunctionCallExpr:
		g.builds = true
		m.guardCall(g, e)
	case *hclsyntax.ConditionalExpr:
		m.guardConditional(g, e)
	case *hclsyntax.BinaryOpExpr:
		g.builds = true
		m.guardBinary(g, e)
	case *hclsyntax.UnaryOpExpr:
		operand := m.within(g, e.Val)
		operand.want = e.Op.Impl.Params()[0].Type
		e.Val = operand
	default:
		g.reach = 0 // such as the element that a splat is at
	}
}

// guardObject leaves keys alone that are plain names: hcl recognises them by their form.
func (m *meter) guardObject(g *guarded, e *hclsyntax.ObjectConsExpr) {
	var keys []string
	for i := range e.Items {
		e.Items[i].ValueExpr = m.within(g, e.Items[i].ValueExpr)
		key, ok := e.Items[i].KeyExpr.(*hclsyntax.ObjectConsKeyExpr)
		if !ok {
			e.Items[i].KeyExpr = m.within(g, e.Items[i].KeyExpr)
		} else if name, literal := literalKey(key); literal {
			keys = append(keys, cty.NormalizeString(name))
		} else {
			key.Wrapped, key.ForceNonLiteral = m.within(g, key.Wrapped), true
		}
	}
	if len(keys) == len(e.Items) {
		g.keys = keys
		return
	}
	g.then(marksOf(partsOf(e)...))
}

// guardIndex refuses list["5"], which hcl takes for list[5].
func (m *meter) guardIndex(g *guarded, e *hclsyntax.IndexExpr) {
	collection, key := m.within(g, e.Collection), m.within(g, e.Key)
	key.then(func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if collection.last == cty.NilVal || v.IsNull() {
			return v, diags
		}
		if t := collection.last.Type(); v.Type() == cty.String && (t.IsListType() || t.IsTupleType()) {
			return cty.DynamicVal, append(diags, mistake(codeType, "Wrong type", key.Range(),
				"A number is needed here, since this is the index of a list, but this is a string."))
		}
		return v, diags
	})
	g.then(marksOf(key))
	e.Collection, e.Key = collection, key
}
