package dsl

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// typeName names a type as people write it.
func typeName(t cty.Type) string {
	switch {
	case t == cty.String:
		return "string"
	case t == cty.Number:
		return "number"
	case t == cty.Bool:
		return "bool"
	case t.IsListType() || t.IsTupleType() || t.IsSetType():
		return "list"
	case t.IsMapType():
		return "map"
	case t.IsObjectType():
		return "object"
	}
	return "value"
}

// aType is typeName with its article.
func aType(t cty.Type) string {
	if t.IsObjectType() {
		return "an object"
	}
	return "a " + typeName(t)
}

// argumentType answers the type that an argument of a function must have without being converted, or NilType. Text is
// never taken for a number or a bool; a number may become text.
func argumentType(params []function.Parameter, rest *function.Parameter, i int) cty.Type {
	t := cty.NilType
	switch {
	case i < len(params):
		t = params[i].Type
	case rest != nil:
		t = rest.Type
	}
	if t == cty.Number || t == cty.Bool {
		return t
	}
	return cty.NilType
}
