package dsl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// foresee refuses calls whose result would be far larger than their arguments, or take far longer, before they happen.
// All other functions are bounded by the size of their arguments, which are charged.
func (m *meter) foresee(name string, args []cty.Value) error {
	for i, a := range args {
		if !a.IsWhollyKnown() || a.IsNull() {
			return nil // it will not be computed
		}
		if a.ContainsMarked() {
			args = slices.Clone(args)
			args[i], _ = a.UnmarkDeep()
		}
	}
	for _, a := range args {
		if a.CanIterateElements() {
			m.charge(2 * a.LengthInt()) // to walk through it once more, and to make something new of it
		}
	}
	switch name {
	case "coalesce":
		m.foreseeUnify(args)
	case "replace":
		return tooLong(strings.Count(args[0].AsString(), args[1].AsString()) * len(args[2].AsString()))
	case "join":
		return foreseeJoin(args)
	case "split":
		if strings.Count(args[1].AsString(), args[0].AsString()) >= maxElements {
			return tooMany()
		}
	case "format":
		return foreseeFormat(args)
	case "setproduct":
		product := 1
		for _, a := range args {
			if a.CanIterateElements() {
				product *= a.LengthInt()
			}
			if product*(1+len(args)) > maxElements { // the lists of the product count, and so do their elements
				return tooMany()
			}
		}
	case "distinct":
		n := args[0].LengthInt() // it compares each element with each other
		m.charge(n * n / 4)
	case "matches":
		m.charge(len(args[0].AsString()) * (20 + len(args[1].AsString())) / bytesPerStep)
	case "regex":
		return m.foreseeRegex(args[0].AsString(), args[1].AsString())
	case "jsondecode":
		m.charge(len(args[0].AsString()) / 4)
	case "semver_matches":
		m.charge(len(args[0].AsString()) + len(args[1].AsString()))
	case "tonumber":
		return foreseeNumber(args[0])
	case "lookup":
		if len(args) > 2 && args[0].Type().IsMapType() && args[0].Type().ElementType() == cty.Number {
			return foreseeNumber(args[2])
		}
	}
	return nil
}

// foreseeUnify charges the search for one type of all arguments, if they have different ones.
func (m *meter) foreseeUnify(args []cty.Value) {
	types := make([]cty.Type, len(args))
	same := true
	for i, a := range args {
		types[i] = a.Type()
		same = same && types[i].Equals(types[0])
	}
	if !same {
		m.unified(cty.NilVal, types...)
	}
}

func (m *meter) foreseeRegex(pattern, text string) error {
	if len(pattern) > maxGlobLength {
		return fmt.Errorf("a regular expression has at most %d characters", maxGlobLength)
	}
	m.charge(len(pattern) * (500 + len(text)) / bytesPerStep)
	return nil
}

func tooLong(bytes int) error {
	if bytes > maxStringBytes {
		return &limitError{codeStringSize, "Text too long", "A text has at most 64 KiB."}
	}
	return nil
}

func tooMany() error {
	return &limitError{codeElements, "Too many elements", "A list, map or object holds at most 10000 elements, those of its elements included."}
}

func foreseeJoin(args []cty.Value) error {
	bytes := 0
	for _, list := range args[1:] {
		for it := list.ElementIterator(); it.Next(); {
			if _, e := it.Element(); !e.IsNull() {
				bytes += len(e.AsString())
			}
			bytes += len(args[0].AsString())
		}
	}
	return tooLong(bytes)
}

var (
	wideVerb    = regexp.MustCompile(`%[^a-zA-Z%]*[0-9]{4}`)
	numericVerb = regexp.MustCompile(`%[^a-zA-Z%]*[bcdoxXUeEfFgG]`)
)

// foreseeFormat refuses widths that are memory bombs, and text where a verb would compute a number out of it.
func foreseeFormat(args []cty.Value) error {
	format := args[0].AsString()
	if wideVerb.MatchString(format) {
		return errors.New("a width or precision has at most three digits")
	}
	if !numericVerb.MatchString(format) {
		return nil
	}
	for _, a := range args[1:] {
		if err := foreseeNumber(a); err != nil {
			return err
		}
	}
	return nil
}

func foreseeNumber(v cty.Value) error {
	if v.Type() == cty.String && !smallNumber(v.AsString()) {
		return &limitError{codeNumber, "Number too long", "Numbers have at most 30 digits and an exponent of at most 99."}
	}
	return nil
}
