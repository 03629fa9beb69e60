package dsl

import (
	"errors"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// foresee refuses calls whose result would be far larger than their arguments, or take far longer, before they happen.
// All other functions are bounded by the size of their arguments, which are charged.
func (m *meter) foresee(name string, args []cty.Value) error {
	for _, a := range args {
		if !a.IsWhollyKnown() || a.IsNull() {
			return nil // it will not be computed
		}
	}
	switch name {
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
			if product*len(args) > maxElements {
				return tooMany()
			}
		}
	case "distinct":
		n := args[0].LengthInt() // it compares each element with each other
		m.charge(n * n / 4)
	case "matches":
		m.charge(len(args[0].AsString()) * len(args[1].AsString()) / bytesPerStep)
	case "regex":
		m.charge(len(args[0].AsString()) * (100 + len(args[1].AsString())) / bytesPerStep)
	case "tonumber":
		return foreseeNumber(args[0])
	case "lookup":
		if len(args) > 2 && args[0].Type().IsMapType() && args[0].Type().ElementType() == cty.Number {
			return foreseeNumber(args[2])
		}
	}
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
