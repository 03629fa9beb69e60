package dsl

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// skip says why something does not run: its "when" is false. It shows what the condition looked at.
func (e *evaluator) skip(when *value) string {
	runs, ok := e.flag(when)
	if !ok || runs || !e.known {
		return ""
	}
	text := "when is false: " + shorten(strings.Join(strings.Fields(string(when.at.src.data[when.at.start:when.at.end])), " "), 200)
	var seen []string
	variables := e.variablesOf(when)
	for _, r := range when.refs {
		name := strings.TrimSpace(string(r.whole.src.data[r.whole.start:r.whole.end]))
		if slices.Contains(seen, name) || len(seen) == 4 {
			continue
		}
		if shown := e.shown(r, variables); shown != "" {
			seen = append(seen, name)
			text += separator(len(seen)) + name + " is " + shown
		}
	}
	if len(seen) > 0 {
		text += ")"
	}
	return text
}

func separator(n int) string {
	if n == 1 {
		return " ("
	}
	return ", "
}

// shown writes the value of a reference, if it is short and nobody's secret.
func (e *evaluator) shown(r reference, variables map[string]cty.Value) string {
	got, ok := follow(variables[r.root], r)
	if !ok || got.ContainsMarked() || !got.IsWhollyKnown() {
		return ""
	}
	switch {
	case got.IsNull():
		return "null"
	case got.Type() == cty.String:
		return `"` + shorten(got.AsString(), 80) + `"`
	case got.Type().IsPrimitiveType():
		return plainText(got)
	}
	return ""
}

// follow goes from a root along the names of a reference.
func follow(v cty.Value, r reference) (cty.Value, bool) {
	for _, name := range append([]string{r.name}, r.rest...) {
		if v.IsMarked() || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute(name) {
			return cty.NilVal, false
		}
		v = v.GetAttr(name)
	}
	return v, len(r.traversal) == len(r.rest)+2
}

func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
