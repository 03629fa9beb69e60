package dsl

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// element answers the place of an element of a list that is written out, or else of the whole value.
func (v *value) element(i int) place {
	if list, ok := unwrap(v.expr).(*hclsyntax.TupleConsExpr); ok && i < len(list.Exprs) {
		return v.at.src.at(list.Exprs[i].Range())
	}
	return v.at
}

// key and item answer the places of a key of an object that is written out and of what it is set to, or else of the whole.
func (v *value) key(name string) place {
	if item := v.find(name); item != nil {
		return v.at.src.at(item.KeyExpr.Range())
	}
	return v.at
}

func (v *value) item(name string) place {
	if item := v.find(name); item != nil {
		return v.at.src.at(item.ValueExpr.Range())
	}
	return v.at
}

func (v *value) find(name string) *hclsyntax.ObjectConsItem {
	object, ok := unwrap(v.expr).(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil
	}
	for i := range object.Items {
		if key, ok := literalKey(object.Items[i].KeyExpr); ok && key == name {
			return &object.Items[i]
		}
	}
	return nil
}

func unwrap(expr hclsyntax.Expression) hclsyntax.Expression {
	if g, ok := expr.(*guarded); ok {
		return g.Expression
	}
	return expr
}

// valueName is how a message names what it found.
func valueName(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	return aType(v.Type())
}

// plainText writes a string, number or bool as text.
func plainText(v cty.Value) string {
	if v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		return v.AsString()
	}
	if v.Type() == cty.Number && v.IsKnown() && !v.IsNull() {
		if n, exact := v.AsBigFloat().Int64(); exact == big.Exact {
			return strconv.FormatInt(n, 10) // as cty writes it, at a tenth of the cost
		}
	}
	text, err := convert.Convert(v, cty.String)
	if err != nil || !text.IsKnown() || text.IsNull() {
		return ""
	}
	return text.AsString()
}

// The methods below evaluate a value as one of the types of arguments. They report what does not fit. ok is false as well
// where the value is unknown, which is no mistake; a value that is not set answers ok false, too.

func (e *evaluator) text(v *value) (text string, ok bool) {
	if v == nil {
		return "", false
	}
	got, ok := e.eval(v)
	if !ok {
		return "", false
	}
	if got.IsNull() || got.Type() != cty.String && got.Type() != cty.DynamicPseudoType {
		e.mismatch(v, v.at, codeType, "%s must be a string, but this is %s.", v.title(), valueName(got))
		return "", false
	}
	if !got.IsKnown() {
		return "", false
	}
	return got.AsString(), e.noNUL(v, v.at, got.AsString())
}

// mismatch reports a value of the wrong type, unless it is only so because something is null for this event.
func (e *evaluator) mismatch(v *value, at place, c code, detail string, args ...any) {
	if !e.reportAbsent(v) {
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
	if v == nil {
		return nil, false
	}
	got, ok := e.eval(v)
	if !ok {
		return nil, false
	}
	return e.textsOf(v, got)
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

// env reads a map of environment variables. Numbers and bools become text.
func (e *evaluator) env(v *value) (env map[string]string, ok bool) {
	if v == nil {
		return nil, false
	}
	got, ok := e.eval(v)
	if !ok {
		return nil, false
	}
	t := got.Type()
	if got.IsNull() || !t.IsObjectType() && !t.IsMapType() && t != cty.DynamicPseudoType {
		e.mismatch(v, v.at, codeEnv, "%s must be a map of strings, but this is %s.", v.title(), valueName(got))
		return nil, false
	}
	if !got.IsKnown() || t == cty.DynamicPseudoType {
		return nil, false
	}
	env = map[string]string{}
	for it := got.ElementIterator(); it.Next(); {
		key, element := it.Element()
		name := key.AsString()
		if !envName.MatchString(name) {
			e.ps.add(codeName, v.key(name), "Invalid name", "%q cannot be the name of an environment variable: "+
				"they consist of letters, digits and \"_\", and do not start with a digit.", name)
			ok = false
			continue
		}
		text, known := e.envText(v, name, element)
		if env[name] = text; !known {
			ok = false
		}
	}
	return env, ok
}

func (e *evaluator) envText(v *value, name string, element cty.Value) (string, bool) {
	switch t := element.Type(); {
	case element.IsNull():
		e.mismatch(v, v.item(name), codeEnv, "%s must be a map of strings, but .%s is null. Write coalesce(..., \"none\").", v.title(), name)
	case t == cty.DynamicPseudoType:
	case !t.IsPrimitiveType():
		e.mismatch(v, v.item(name), codeEnv, "%s must be a map of strings, but at .%s a string is required, and this is %s. "+
			"Use join(\",\", ...) or jsonencode(...).", v.title(), name, aType(t))
	case element.IsKnown():
		text := plainText(element)
		e.dollar(v, v.item(name), text)
		return text, e.noNUL(v, v.item(name), text)
	}
	return "", false
}

var dollarName = regexp.MustCompile(`\$\{?[A-Z_][A-Z0-9_]*`)

// dollar warns of $HOME outside of scripts, where nothing fills it in.
func (e *evaluator) dollar(v *value, at place, text string) {
	if m := dollarName.FindString(text); m != "" && len(text) < maxStringBytes {
		e.ps.warn(codeDollar, at, "Not a variable",
			"%s is plain text here: variables of a shell exist only in scripts, and this is no script.", strings.ReplaceAll(m, "{", ""))
	}
}

// duration reads "1h30m" and the like. A value that is not set answers fallback.
func (e *evaluator) duration(v *value, fallback time.Duration) time.Duration {
	text, ok := e.text(v)
	if !ok {
		return fallback
	}
	d, err := parseDuration(text)
	if err != nil || d < time.Second || d > maxDuration {
		e.ps.add(codeValue, v.at, "Invalid duration",
			`%s must be a duration such as "90s", "15m" or "1h30m", from one second to 30 days.`, v.title())
		return fallback
	}
	return d
}

const maxDuration = 30 * 24 * time.Hour

// parseDuration reads Go's durations, and whole days.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err != nil || n < 0 || n > 365 || itoa(n) != days {
			return 0, fmt.Errorf("reading days: %q", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(text)
}
