package dsl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func (m *meter) guardCall(g *guarded, e *hclsyntax.FunctionCallExpr) {
	f, known := m.functions[e.Name]
	if !known || readsTree(e.Name) {
		g.reach = 0
	}
	args := make([]*guarded, len(e.Args))
	for i, a := range e.Args {
		arg := m.within(g, a)
		switch {
		case !known:
		case e.ExpandFinal && i == len(e.Args)-1:
			arg.then(expanded(arg, argumentType(f.Params(), f.VarParam(), i)))
		default:
			arg.want = argumentType(f.Params(), f.VarParam(), i)
			if want, ok := collectionWanted(e.Name, f, i); ok {
				arg.then(m.collects(want))
			}
		}
		e.Args[i] = arg
		args[i] = arg
	}
	g.then(marksOfUntyped(args))
}

// readsTree says whether a function answers by what a commit holds, and not by its arguments alone.
func readsTree(name string) bool {
	return name == "file" || name == "hash_files" || name == "changed"
}

// expanded checks the elements of the last argument of f(list...), which hcl passes on without their nodes.
func expanded(arg *guarded, want cty.Type) afterFunc {
	return func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if want == cty.NilType {
			return v, diags
		}
		for _, t := range elementTypes(v) {
			if t != want && t != cty.DynamicPseudoType {
				return cty.DynamicVal, append(diags, mistake(codeType, "Wrong type", arg.Range(),
					"A %s is needed for each element here, but one is %s.", typeName(want), aType(t)))
			}
		}
		return v, diags
	}
}

// elementTypes answers the types of the elements of a list, be it known or not.
func elementTypes(v cty.Value) []cty.Type {
	switch t := v.Type(); {
	case t.IsTupleType():
		return t.TupleElementTypes()
	case t.IsListType() || t.IsSetType():
		return []cty.Type{t.ElementType()}
	}
	return nil
}
