package dsl

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// The methods of this file evaluate a value as one of the types of arguments. They report what does not fit. ok is false as
// well where the value is unknown, which is no mistake; a value that is not set answers ok false, too.

// plainValue evaluates a value that everybody may see.
func (e *evaluator) plainValue(v *value) (cty.Value, bool) {
	if v == nil {
		return cty.DynamicVal, false
	}
	got, ok := e.eval(v)
	bare, shown := e.bare(v, got)
	return bare, ok && shown
}

// primitive evaluates a value of one of the three simple types.
func (e *evaluator) primitive(v *value, t cty.Type) (cty.Value, bool) {
	got, ok := e.plainValue(v)
	if !ok {
		return got, false
	}
	if got.IsNull() || got.Type() != t && got.Type() != cty.DynamicPseudoType {
		e.mismatch(v, v.at, codeType, "%s must be a %s, but this is %s.", v.title(), typeName(t), valueName(got))
		return got, false
	}
	return got, got.IsKnown()
}

func (e *evaluator) text(v *value) (text string, ok bool) {
	got, ok := e.primitive(v, cty.String)
	if !ok {
		return "", false
	}
	return got.AsString(), e.noNUL(v, v.at, got.AsString())
}

func (e *evaluator) flag(v *value) (flag, ok bool) {
	got, ok := e.primitive(v, cty.Bool)
	return ok && got.True(), ok
}

// word evaluates a text that is one of a few.
func (e *evaluator) word(v *value) (word string, ok bool) {
	text, ok := e.text(v)
	if ok && !slices.Contains(v.arg.Words, text) {
		e.ps.add(codeValue, v.at, "Unknown word", "%s must be %s.%s", v.title(), oneOf(v.arg.Words), didYouMean(text, v.arg.Words))
		return "", false
	}
	return text, ok
}

// whole evaluates a whole number within bounds.
func (e *evaluator) whole(v *value, least, most int) (int, bool) {
	got, ok := e.primitive(v, cty.Number)
	if !ok {
		return 0, false
	}
	n, exact := got.AsBigFloat().Int64()
	if exact != big.Exact || n < int64(least) || n > int64(most) {
		e.ps.add(codeValue, v.at, "Invalid number", "%s must be a whole number from %d to %d.", v.title(), least, most)
		return 0, false
	}
	return int(n), true
}

// mismatch reports a value of the wrong type, unless it is only so because something is null for this event.
func (e *evaluator) mismatch(v *value, at place, c code, detail string, args ...any) {
	if !e.reportAbsent(v, at) {
		e.ps.add(c, at, "Wrong type", detail, args...)
	}
	e.spoil(v)
}

func (e *evaluator) noNUL(v *value, at place, text string) bool {
	if strings.Contains(text, "\x00") {
		e.ps.add(codeValue, at, "NUL character", "%s holds a NUL character, which no program takes.", v.title())
		return false
	}
	return true
}

func (e *evaluator) texts(v *value) (texts []string, ok bool) {
	got, ok := e.plainValue(v)
	if !ok && !got.Type().IsTupleType() {
		return nil, false
	}
	texts, fits := e.textsOf(v, got)
	return texts, ok && fits
}

// textsOf reads a list of strings.
func (e *evaluator) textsOf(v *value, got cty.Value) (texts []string, ok bool) {
	t := got.Type()
	switch {
	case t == cty.DynamicPseudoType && !got.IsNull():
		return nil, false
	case got.IsNull() || !t.IsTupleType() && !t.IsListType() && !t.IsSetType():
		e.mismatch(v, v.at, codeType, "%s must be a list of strings, but this is %s.", v.title(), valueName(got))
		return nil, false
	case !got.IsKnown():
		if t.IsCollectionType() && t.ElementType() != cty.String && t.ElementType() != cty.DynamicPseudoType {
			e.mismatch(v, v.at, codeType, "%s must be a list of strings, but its elements are each %s.", v.title(), aType(t.ElementType()))
		}
		return nil, false
	}
	ok = true
	for i, element := range got.AsValueSlice() {
		switch et := element.Type(); {
		case element.IsNull() || et != cty.String && et != cty.DynamicPseudoType:
			e.mismatch(v, v.element(i), codeType, "%s must be a list of strings, but this element is %s.", v.title(), valueName(element))
			return nil, false
		case !element.IsKnown():
			ok = false
			texts = append(texts, "")
		default:
			ok = e.noNUL(v, v.element(i), element.AsString()) && ok
			texts = append(texts, element.AsString())
		}
	}
	return texts, ok
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// env reads a map of environment variables. Numbers and bools become text. Without the values of secrets, those that hold
// one are left out.
func (e *evaluator) env(v *value) map[string]string {
	if v == nil {
		return nil
	}
	got, ok := e.eval(v)
	if got.IsMarked() { // as a whole
		got = e.revealed(got)
	}
	t := got.Type()
	if !ok && !t.IsObjectType() {
		return nil
	}
	if got.IsNull() || !t.IsObjectType() && !t.IsMapType() && t != cty.DynamicPseudoType {
		e.mismatch(v, v.at, codeEnv, "%s must be a map of strings, but this is %s.", v.title(), valueName(got))
		return nil
	}
	if t.IsMapType() && !t.ElementType().IsPrimitiveType() && t.ElementType() != cty.DynamicPseudoType {
		e.mismatch(v, v.at, codeEnv, "%s must be a map of strings, but its elements are each %s.", v.title(), aType(t.ElementType()))
	}
	if !got.IsKnown() || t == cty.DynamicPseudoType {
		return nil
	}
	env := map[string]string{}
	for it := got.ElementIterator(); it.Next(); {
		key, element := it.Element()
		name := plainText(key)
		if !envName.MatchString(name) {
			shown := "This"
			if v.find(name) != nil { // and is not computed, of what may be secret
				shown = strconv.Quote(name)
			}
			e.ps.add(codeName, v.key(name), "Invalid name", "%s cannot be the name of an environment variable: "+
				"they consist of letters, digits and \"_\", and do not start with a digit.", shown)
			continue
		}
		if text, known := e.envText(v, name, element); known {
			env[name] = text
		}
	}
	return env
}

func (e *evaluator) envText(v *value, name string, element cty.Value) (string, bool) {
	secret := element.ContainsMarked()
	element = e.revealed(element)
	switch t := element.Type(); {
	case element.IsNull():
		e.mismatch(v, v.item(name), codeEnv, "%s must be a map of strings, but .%s is null. Write coalesce(..., \"none\").", v.title(), name)
	case t == cty.DynamicPseudoType:
	case !t.IsPrimitiveType():
		e.mismatch(v, v.item(name), codeEnv, "%s must be a map of strings, but at .%s a string is required, and this is %s. "+
			"Use join(\",\", ...) or jsonencode(...).", v.title(), name, aType(t))
	case element.IsKnown():
		text := plainText(element)
		if !secret {
			e.dollar(v, v.item(name), text)
		}
		return text, e.noNUL(v, v.item(name), text)
	}
	return "", false
}

var dollarName = regexp.MustCompile(`\$\{?[A-Z_][A-Z0-9_]*`)

// dollar warns of $HOME outside of scripts, where nothing fills it in.
func (e *evaluator) dollar(v *value, at place, text string) {
	if e.late != nil {
		return // what others put out is their business
	}
	if m := dollarName.FindString(text); m != "" && len(text) < maxStringBytes {
		e.ps.warn(codeDollar, at, "Not a variable",
			"%s is plain text here: variables of a shell exist only in scripts, and this is no script.", strings.ReplaceAll(m, "{", ""))
	}
}
