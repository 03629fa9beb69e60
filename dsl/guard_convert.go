package dsl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// collected makes a list, set or map out of a tuple or object, where each element has the type that it needs, or can be given
// it. cty does so too, but compares each element with each other, which for 9,000 of them takes half a second. It answers v
// itself where that is left to cty.
func collected(v cty.Value, want cty.Type) cty.Value {
	t := v.Type()
	tuple, object := t.IsTupleType() && (want.IsListType() || want.IsSetType()), t.IsObjectType() && want.IsMapType()
	if v.IsMarked() || v.IsNull() || !v.IsKnown() || !tuple && !object || v.LengthInt() == 0 {
		return v
	}
	element, ok := elementType(v, want.ElementType())
	if !ok {
		return v
	}
	list, byName := []cty.Value{}, map[string]cty.Value{}
	for it := v.ElementIterator(); it.Next(); {
		key, e := it.Element()
		e = collected(e, element)
		if !e.Type().Equals(element) {
			var err error
			if e, err = convert.Convert(e, element); err != nil || !e.Type().Equals(element) {
				return v
			}
		}
		if object {
			byName[key.AsString()] = e
		} else {
			list = append(list, e)
		}
	}
	switch {
	case object:
		return cty.MapVal(byName)
	case want.IsSetType():
		return cty.SetVal(list)
	}
	return cty.ListVal(list)
}

// elementType answers the type that the elements of a collection are to have: any, as long as it is one for all.
func elementType(v cty.Value, want cty.Type) (cty.Type, bool) {
	if want != cty.DynamicPseudoType {
		return want, !want.HasDynamicTypes() && !hasOptional(want)
	}
	first := cty.NilType
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if t := e.Type(); first == cty.NilType {
			first = t
		} else if !t.Equals(first) {
			return cty.NilType, false
		}
	}
	return first, !first.HasDynamicTypes()
}

func hasOptional(t cty.Type) bool { return !t.Equals(t.WithoutOptionalAttributesDeep()) }

// unified charges the search of cty for one type of all elements, before it happens, and answers an unknown value in place of v
// if that is too expensive.
func (m *meter) unified(v cty.Value, types ...cty.Type) cty.Value {
	n := 0
	for _, t := range types {
		n += sizeOfType(t)
	}
	const perStep = 40 // comparisons
	if n > perStep && !m.charge(n*n/perStep) {
		return cty.DynamicVal
	}
	return v
}

// sizeOfType is how many types a type consists of.
func sizeOfType(t cty.Type) int {
	n := 1
	switch {
	case t.IsTupleType():
		for _, e := range t.TupleElementTypes() {
			n += sizeOfType(e)
		}
	case t.IsObjectType():
		for _, e := range t.AttributeTypes() {
			n += sizeOfType(e)
		}
	case t.IsCollectionType():
		n += sizeOfType(t.ElementType())
	}
	return n
}

// collects makes an argument a list, set or map where its function wants one.
func (m *meter) collects(want cty.Type) afterFunc {
	return func(_ *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		if t := v.Type(); !t.IsTupleType() && !t.IsObjectType() {
			return v, diags
		}
		if made := collected(v, want); made.Type().IsCollectionType() {
			return made, diags
		}
		return m.unified(v, v.Type()), diags
	}
}

// collectionWanted answers what an argument is made, if that is a list, set or map.
func collectionWanted(name string, f function.Function, i int) (cty.Type, bool) {
	switch params, rest := f.Params(), f.VarParam(); {
	case name == "tolist":
		return cty.List(cty.DynamicPseudoType), true
	case name == "toset":
		return cty.Set(cty.DynamicPseudoType), true
	case name == "tomap":
		return cty.Map(cty.DynamicPseudoType), true
	case i < len(params):
		return params[i].Type, params[i].Type.IsCollectionType()
	case rest != nil:
		return rest.Type, rest.Type.IsCollectionType()
	}
	return cty.NilType, false
}
