package dsl

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// readText turns text into a value of a type, or completes the sentence "Input x ...". What is neither string, number nor
// bool is written as JSON.
func readText(text string, k valueKind) (v cty.Value, problem string) {
	switch {
	case strings.Contains(text, "\x00"):
		return cty.NilVal, "holds a NUL character"
	case len(text) > maxStringBytes:
		return cty.NilVal, fmt.Sprintf("has more than %d KiB", maxStringBytes>>10)
	case k.Type == cty.String:
		return cty.StringVal(text), ""
	case k.Type == cty.Bool && (text == "true" || text == "false"):
		return cty.BoolVal(text == "true"), ""
	case k.Type == cty.Bool:
		return cty.NilVal, "must be true or false"
	case k.Type == cty.Number:
		if !decimal.MatchString(text) || len(text) > maxDigits {
			return cty.NilVal, fmt.Sprintf("must be a number of at most %d digits", maxDigits)
		}
		number, err := cty.ParseNumberVal(text)
		if err != nil {
			return cty.NilVal, "must be a number"
		}
		return number, ""
	}
	v, err := fromJSON([]byte(text), k)
	if err != nil || !planFits(text, k) {
		return cty.NilVal, "must be a " + k.String() + ", written as JSON"
	}
	return v, ""
}

// planFits says whether JSON is of a type as it is, without text being taken for numbers.
func planFits(text string, k valueKind) bool {
	t := planType(k.given, k.defaults)
	_, err := t.Read([]byte(text))
	return err == nil
}

// refuses says why a value of the right type is none that the input takes, or nothing.
func (in *input) refuses(v cty.Value) string {
	if len(in.choices) == 0 {
		return ""
	}
	var texts []string
	for _, c := range in.choices {
		if c.RawEquals(v) {
			return ""
		}
		texts = append(texts, plainText(c))
	}
	return "must be " + oneOf(texts)
}

func (in *input) info() InputInfo {
	info := InputInfo{Name: in.name, Type: in.typ.String(), Description: in.description, Required: in.fallback == cty.NilVal}
	if !info.Required && in.fallback.IsWhollyKnown() {
		info.Default = inputText(in.fallback)
	}
	for _, c := range in.choices {
		info.Choices = append(info.Choices, inputText(c))
	}
	return info
}

// inputText writes a value as readText reads it.
func inputText(v cty.Value) string {
	if v.Type().IsPrimitiveType() {
		return plainText(v)
	}
	data, err := toJSON(v)
	if err != nil {
		return ""
	}
	return string(data)
}

// give turns inputs that are text into values, and fills in defaults.
func (p *pipeline) give(inputs map[string]string, ps *problems) map[string]cty.Value {
	values := map[string]cty.Value{}
	var names []string
	for _, in := range p.inputs {
		names = append(names, in.name)
		text, given := inputs[in.name]
		switch {
		case given:
			v, problem := readText(text, in.typ)
			if problem == "" {
				problem = in.refuses(v)
			}
			if problem != "" {
				ps.add(codeValue, in.at, "Invalid input", "Input %q of %s %s.", in.name, p.title(), problem)
				continue
			}
			values[in.name] = v
		case in.fallback != cty.NilVal:
			values[in.name] = in.fallback
		default:
			ps.add(codeMissingInput, in.at, "Missing input", "%s needs the input %q (%s).", p.title(), in.name, in.typ)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		if !slices.Contains(names, name) {
			ps.add(codeInput, p.at, "Unknown input", "%s has no input %q.%s", p.title(), name, didYouMean(name, names))
		}
	}
	return values
}
