package dsl

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// read turns text into a value of the input's type, or completes the sentence "Input x ...".
func (in *input) read(text string) (v cty.Value, problem string) {
	switch {
	case strings.Contains(text, "\x00"):
		return cty.NilVal, "holds a NUL character"
	case len(text) > maxStringBytes:
		return cty.NilVal, fmt.Sprintf("has more than %d KiB", maxStringBytes>>10)
	case in.typ == cty.Bool && (text == "true" || text == "false"):
		v = cty.BoolVal(text == "true")
	case in.typ == cty.Bool:
		return cty.NilVal, "must be true or false"
	case in.typ == cty.Number:
		if !decimal.MatchString(text) || len(text) > maxDigits {
			return cty.NilVal, fmt.Sprintf("must be a number of at most %d digits", maxDigits)
		}
		number, err := cty.ParseNumberVal(text)
		if err != nil {
			return cty.NilVal, "must be a number"
		}
		v = number
	default:
		v = cty.StringVal(text)
	}
	return v, in.refuses(v)
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
