package dsl

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A valueKind is a declared type, with the defaults of optional attributes.
type valueKind struct {
	cty.Type
	given    cty.Type // with its optional attributes
	defaults *typeexpr.Defaults
}

func plainKind(t cty.Type) valueKind { return valueKind{Type: t, given: t} }

// String writes the type as the language does.
func (k valueKind) String() string { return planType(k.given, k.defaults).String() }

// article is String with its article.
func (k valueKind) article() string {
	if k.IsObjectType() {
		return "an " + k.String()
	}
	return "a " + k.String()
}

// take makes a value of the type out of one that was given, or says what is wrong with it.
func (k valueKind) take(v cty.Value) (cty.Value, error) {
	if k.defaults != nil {
		v = k.defaults.Apply(v)
	}
	return convert.Convert(collected(v, k.Type), k.given)
}

// parseType reads a type expression. It is never evaluated, so nothing in it may need to be.
func parseType(ps *problems, a *argument) (valueKind, bool) {
	src := a.at.src
	ok := true
	_ = hclsyntax.VisitAll(a.expr, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor makes no diagnostics of its own
		switch n := n.(type) {
		case *hclsyntax.ForExpr, *hclsyntax.BinaryOpExpr, *hclsyntax.ConditionalExpr, *hclsyntax.SplatExpr, *hclsyntax.TemplateWrapExpr:
			if ok {
				ps.add(codeValue, src.at(n.Range()), "Invalid type", "The default of an optional attribute is a plain value.")
			}
			ok = false
		}
		return nil
	})
	if !ok {
		return valueKind{}, false
	}
	t, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.expr)
	if !diags.HasErrors() && !hasWild(t) {
		if defaults != nil && len(defaults.DefaultValues) == 0 && len(defaults.Children) == 0 {
			defaults = nil
		}
		return valueKind{t.WithoutOptionalAttributesDeep(), t, defaults}, true
	}
	at, detail := a.exprAt, ""
	for _, d := range diags {
		if d.Subject != nil && d.Severity == hcl.DiagError {
			at, detail = src.at(*d.Subject), " "+d.Detail
			break
		}
	}
	if hcl.ExprAsKeyword(a.expr) != "" || detail == "" {
		detail = ""
	}
	ps.add(codeValue, at, "Unknown type", "A type is string, number, bool, list(string), set(number), map(string), "+
		"object({ a = string, b = optional(number, 1) }) and so on, without quotes.%s", detail)
	return valueKind{}, false
}

// hasWild says whether a type holds any or a tuple, which the language does not have.
func hasWild(t cty.Type) bool {
	switch {
	case t == cty.DynamicPseudoType || t.IsTupleType():
		return true
	case t.IsCollectionType():
		return hasWild(t.ElementType())
	case t.IsObjectType():
		for _, a := range t.AttributeTypes() {
			if hasWild(a) {
				return true
			}
		}
	}
	return false
}

// planType is the type of a value in the words of a plan.
func planType(t cty.Type, defaults *typeexpr.Defaults) plan.Type {
	element := func(kind plan.TypeKind, of cty.Type, key string) plan.Type {
		e := planType(of, childDefaults(defaults, key))
		return plan.Type{Kind: kind, Element: &e}
	}
	switch {
	case t == cty.String:
		return plan.Type{Kind: plan.TypeString}
	case t == cty.Number:
		return plan.Type{Kind: plan.TypeNumber}
	case t == cty.Bool:
		return plan.Type{Kind: plan.TypeBool}
	case t.IsListType():
		return element(plan.TypeList, t.ElementType(), "")
	case t.IsSetType():
		return element(plan.TypeSet, t.ElementType(), "")
	case t.IsMapType():
		return element(plan.TypeMap, t.ElementType(), "")
	case t.IsTupleType():
		if list, err := convert.Convert(cty.UnknownVal(t), cty.List(cty.DynamicPseudoType)); err == nil && list.Type().IsListType() &&
			list.Type().ElementType() != cty.DynamicPseudoType {
			return planType(list.Type(), nil)
		}
	case t.IsObjectType():
		made := plan.Type{Kind: plan.TypeObject, Attributes: map[string]plan.Type{}}
		for name, at := range t.AttributeTypes() {
			a := planType(at, childDefaults(defaults, name))
			a.Optional = t.AttributeOptional(name)
			if defaults != nil {
				if v, ok := defaults.DefaultValues[name]; ok {
					a.Default, _ = ctyjson.Marshal(v, v.Type()) // a literal can always be written
				}
			}
			made.Attributes[name] = a
		}
		return made
	}
	return plan.Type{Kind: plan.TypeAny}
}

func childDefaults(d *typeexpr.Defaults, key string) *typeexpr.Defaults {
	if d == nil {
		return nil
	}
	return d.Children[key]
}

// fromJSON makes a value of a type out of what a plan or a run keeps. Its error holds no value.
func fromJSON(data json.RawMessage, k valueKind) (cty.Value, error) {
	if err := checkJSON(string(data)); err != nil {
		return cty.DynamicVal, err
	}
	t, err := ctyjson.ImpliedType(data)
	if err != nil {
		return cty.DynamicVal, fmt.Errorf("reading value: %w", err)
	}
	v, err := ctyjson.Unmarshal(data, t)
	if err != nil {
		return cty.DynamicVal, fmt.Errorf("reading value: %w", err)
	}
	return k.take(v)
}

// toJSON writes a known value as compact JSON.
func toJSON(v cty.Value) (json.RawMessage, error) {
	data, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return nil, fmt.Errorf("writing value: %w", err)
	}
	return data, nil
}

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
