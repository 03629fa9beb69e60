package dsl

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// taken makes a value of a declared type out of what was given for it: a default, or an element of with. It is stricter than
// cty: text is never taken for a number, and an attribute that the type lacks is a mistake.
func (e *evaluator) taken(v *value, got cty.Value, k valueKind) (cty.Value, bool) {
	return e.takenAt(v, v.at, v.title(), got, k)
}

func (e *evaluator) takenAt(v *value, at place, title string, got cty.Value, k valueKind) (cty.Value, bool) {
	plain, marks := got.UnmarkDeep()
	unknown := unknownOf(k.Type).WithMarks(marks)
	if plain.IsNull() {
		e.mismatch(v, at, codeType, "%s must be %s, but this is null.", title, k.article())
		return unknown, false
	}
	if k.Type == cty.DynamicPseudoType {
		return got, true
	}
	if !e.known || plain.IsKnown() {
		if path, names := extraAttribute(plain.Type(), k.given, ""); path != "" {
			e.extra(v, at, title, path, names)
			return unknown, false
		}
	}
	if !fits(plain.Type(), k.given) {
		what := aType(plain.Type())
		if e.late == nil { // names of attributes may be computed, of what may be secret
			what = whatItIs(plain.Type(), k.given)
		}
		e.mismatch(v, at, codeType, "%s must be %s, but this is %s.", title, k.article(), what)
		return unknown, false
	}
	made, err := k.take(plain)
	if err != nil {
		e.mismatch(v, at, codeType, "%s must be %s, which this is not.", title, k.article())
		return unknown, false
	}
	return made.WithMarks(marks), true
}

// extra reports an attribute that a type lacks, at its key where that is written out.
func (e *evaluator) extra(v *value, at place, title, path string, names []string) {
	name := path
	if i := lastDot(path); i >= 0 {
		title, name = title+" at "+path[:i], path[i+1:]
	}
	key := v.deepKey(at, name)
	switch {
	case key.src != nil:
		at = key
	case e.late != nil: // it was computed, maybe of a secret
		e.ps.add(codeAttribute, at, "Unknown attribute", "%s has an attribute that its type does not have.", v.title())
		e.spoil(v)
		return
	}
	e.ps.add(codeAttribute, at, "Unknown attribute", "%s has no attribute %q.%s", title, name, orText(didYouMean(name, names), " It has "+join(names)+"."))
	e.spoil(v)
}

// fits says whether a value of one type can be taken for another, whatever the value is.
func fits(from, to cty.Type) bool {
	if from == cty.DynamicPseudoType || from.Equals(to) {
		return true
	}
	switch {
	case to.IsPrimitiveType():
		return to == cty.String && from.IsPrimitiveType()
	case to.IsObjectType() && from.IsObjectType():
		for name, t := range to.AttributeTypes() {
			if !from.HasAttribute(name) {
				if !to.AttributeOptional(name) {
					return false
				}
				continue
			}
			if !fits(from.AttributeType(name), t) {
				return false
			}
		}
		return true
	case to.IsMapType() && from.IsObjectType():
		for _, t := range from.AttributeTypes() {
			if !fits(t, to.ElementType()) {
				return false
			}
		}
		return true
	case (to.IsListType() || to.IsSetType()) && from.IsTupleType():
		for _, t := range from.TupleElementTypes() {
			if !fits(t, to.ElementType()) {
				return false
			}
		}
		return true
	case to.IsMapType() && from.IsMapType(), to.IsListType() && (from.IsListType() || from.IsSetType()),
		to.IsSetType() && (from.IsListType() || from.IsSetType()):
		return fits(from.ElementType(), to.ElementType())
	}
	return convert.GetConversion(from, to) != nil
}

// whatItIs names a type in contrast to another: where both are objects, by what is missing or wrong.
func whatItIs(from, to cty.Type) string {
	if from.IsObjectType() && to.IsMapType() {
		for _, name := range slices.Sorted(maps.Keys(from.AttributeTypes())) {
			if !fits(from.AttributeType(name), to.ElementType()) {
				return "an object whose " + name + " is " + whatItIs(from.AttributeType(name), to.ElementType())
			}
		}
	}
	if !from.IsObjectType() || !to.IsObjectType() {
		return aType(from)
	}
	for _, name := range slices.Sorted(maps.Keys(to.AttributeTypes())) {
		switch {
		case !from.HasAttribute(name) && !to.AttributeOptional(name):
			return "an object without " + name
		case from.HasAttribute(name) && !fits(from.AttributeType(name), to.AttributeType(name)):
			return "an object whose " + name + " is " + whatItIs(from.AttributeType(name), to.AttributeType(name))
		}
	}
	return "an object"
}

// extraAttribute finds an attribute of an object that the type does not have, and answers those that it has.
func extraAttribute(from, to cty.Type, path string) (extra string, names []string) {
	switch {
	case from.IsObjectType() && to.IsObjectType():
		for _, name := range slices.Sorted(maps.Keys(from.AttributeTypes())) {
			if !to.HasAttribute(name) {
				return path + name, slices.Sorted(maps.Keys(to.AttributeTypes()))
			}
			if extra, names := extraAttribute(from.AttributeType(name), to.AttributeType(name), path+name+"."); extra != "" {
				return extra, names
			}
		}
	case from.IsTupleType() && (to.IsListType() || to.IsSetType()):
		for _, t := range from.TupleElementTypes() {
			if extra, names := extraAttribute(t, to.ElementType(), path); extra != "" {
				return extra, names
			}
		}
	case from.IsObjectType() && to.IsMapType():
		for _, name := range slices.Sorted(maps.Keys(from.AttributeTypes())) {
			if extra, names := extraAttribute(from.AttributeType(name), to.ElementType(), path+name+"."); extra != "" {
				return extra, names
			}
		}
	case from.IsCollectionType() && to.IsCollectionType():
		return extraAttribute(from.ElementType(), to.ElementType(), path)
	}
	return "", nil
}

// deepKey finds a key by its name anywhere in what is written out at a place.
func (v *value) deepKey(within place, name string) place {
	var found place
	_ = hclsyntax.VisitAll(v.expr, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor makes no diagnostics of its own
		if g, ok := n.(*guarded); ok {
			n = g.Expression
		}
		object, ok := n.(*hclsyntax.ObjectConsExpr)
		if !ok {
			return nil
		}
		for _, item := range object.Items {
			at := v.at.src.at(item.KeyExpr.Range())
			if key, ok := literalKey(item.KeyExpr); ok && key == name && found.src == nil && at.start >= within.start && at.end <= within.end {
				found = at
			}
		}
		return nil
	})
	return found
}

func lastDot(path string) int { return strings.LastIndexByte(path, '.') }

func join(names []string) string { return strings.Join(names, ", ") }
