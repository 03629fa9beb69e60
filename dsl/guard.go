package dsl

import (
	"fmt"

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
	after func(ctx *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics)
	// last and trouble are what the node answered last, for the parent to look at.
	last    cty.Value
	trouble hcl.Diagnostics
}

// maxTrouble bounds the diagnostics of one node: a loop can make any number.
const maxTrouble = 50

// Value implements hcl.Expression.
func (g *guarded) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if !g.m.charge(1 + g.extra) {
		return cty.DynamicVal, nil
	}
	v, diags := g.Expression.Value(ctx)
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
	g.last, g.trouble = v, diags
	return v, diags
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
	g := &guarded{Expression: e, m: m, want: cty.NilType}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		e.Expression = m.guard(e.Expression)
	case *hclsyntax.TemplateExpr:
		g.builds = true
		for i, p := range e.Parts {
			part := m.guard(p)
			part.builds = true // it is copied
			e.Parts[i] = part
		}
	case *hclsyntax.TemplateWrapExpr:
		e.Wrapped = m.guard(e.Wrapped)
		g.after = inQuotes
	case *hclsyntax.TemplateJoinExpr:
		g.builds = true
		tuple := m.guard(e.Tuple)
		tuple.after = afterJoin(tuple.after)
		e.Tuple = tuple
	case *hclsyntax.RelativeTraversalExpr:
		e.Source = m.guard(e.Source)
	case *hclsyntax.IndexExpr:
		m.guardIndex(e)
	case *hclsyntax.SplatExpr:
		g.builds = true
		e.Source, e.Each = m.guard(e.Source), m.guard(e.Each)
	default:
		m.guardMore(g, e)
	}
	return g
}

// inQuotes makes text of "${5}", which hcl leaves a number: what stands in quotes is text.
func inQuotes(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
	if v.IsNull() || v.Type() != cty.Number && v.Type() != cty.Bool {
		return v, diags
	}
	if !v.IsKnown() {
		return cty.UnknownVal(cty.String).RefineNotNull(), diags
	}
	return cty.StringVal(plainText(v)), diags
}

func (m *meter) guardMore(g *guarded, e hclsyntax.Expression) {
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		g.builds = true
		for i, x := range e.Exprs {
			e.Exprs[i] = m.guard(x)
		}
	case *hclsyntax.ObjectConsExpr:
		g.builds = true
		m.guardObject(e)
	case *hclsyntax.ForExpr:
		g.builds = true
		m.guardFor(g, e)
	case *hclsyntax.FunctionCallExpr:
		g.builds = true
		m.guardCall(e)
	case *hclsyntax.ConditionalExpr:
		m.guardConditional(g, e)
	case *hclsyntax.BinaryOpExpr:
		g.builds = true
		m.guardBinary(g, e)
	case *hclsyntax.UnaryOpExpr:
		operand := m.guard(e.Val)
		operand.want = e.Op.Impl.Params()[0].Type
		e.Val = operand
	}
}

// guardObject leaves keys alone that are plain names: hcl recognises them by their form.
func (m *meter) guardObject(e *hclsyntax.ObjectConsExpr) {
	for i := range e.Items {
		e.Items[i].ValueExpr = m.guard(e.Items[i].ValueExpr)
		key, ok := e.Items[i].KeyExpr.(*hclsyntax.ObjectConsKeyExpr)
		if !ok {
			e.Items[i].KeyExpr = m.guard(e.Items[i].KeyExpr)
		} else if _, literal := literalKey(key); !literal {
			key.Wrapped, key.ForceNonLiteral = m.guard(key.Wrapped), true
		}
	}
}

// guardIndex refuses list["5"], which hcl takes for list[5].
func (m *meter) guardIndex(e *hclsyntax.IndexExpr) {
	collection, key := m.guard(e.Collection), m.guard(e.Key)
	key.after = func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if collection.last == cty.NilVal || v.IsNull() {
			return v, diags
		}
		if t := collection.last.Type(); v.Type() == cty.String && (t.IsListType() || t.IsTupleType()) {
			return cty.DynamicVal, append(diags, mistake(codeType, "Wrong type", key.Range(),
				"A number is needed here, since this is the index of a list, but this is a string."))
		}
		return v, diags
	}
	e.Collection, e.Key = collection, key
}

func (m *meter) guardCall(e *hclsyntax.FunctionCallExpr) {
	f, known := m.functions[e.Name]
	for i, a := range e.Args {
		arg := m.guard(a)
		switch {
		case !known:
		case e.ExpandFinal && i == len(e.Args)-1:
			arg.after = expanded(arg, argumentType(f.Params(), f.VarParam(), i))
		default:
			arg.want = argumentType(f.Params(), f.VarParam(), i)
		}
		e.Args[i] = arg
	}
}

// expanded checks the elements of the last argument of f(list...), which hcl passes on without their nodes.
func expanded(arg *guarded, want cty.Type) func(*hcl.EvalContext, cty.Value, hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
	return func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if want == cty.NilType || !v.CanIterateElements() {
			return v, diags
		}
		for it := v.ElementIterator(); it.Next(); {
			if _, e := it.Element(); e.Type() != want && e.Type() != cty.DynamicPseudoType {
				return cty.DynamicVal, append(diags, mistake(codeType, "Wrong type", arg.Range(),
					"A %s is needed for each element here, but one is %s.", typeName(want), aType(e.Type())))
			}
		}
		return v, diags
	}
}

// guardConditional reports the mistakes of both branches while the condition is unknown; hcl then drops them.
func (m *meter) guardConditional(g *guarded, e *hclsyntax.ConditionalExpr) {
	condition, yes, no := m.guard(e.Condition), m.guard(e.TrueResult), m.guard(e.FalseResult)
	condition.want = cty.Bool
	e.Condition, e.TrueResult, e.FalseResult = condition, yes, no
	g.after = func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if condition.last != cty.NilVal && !condition.last.IsKnown() {
			diags = append(append(diags, yes.trouble...), no.trouble...)
		}
		return v, diags
	}
}

func (m *meter) guardBinary(g *guarded, e *hclsyntax.BinaryOpExpr) {
	left, right := m.guard(e.LHS), m.guard(e.RHS)
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
