package dsl

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// maxConstraint bounds both arguments of semver_matches.
const maxConstraint = 256

// semverMatches says whether a version fulfils a constraint such as ">= 1.2, < 2", "~1.4" or "^2 || ^3".
func semverMatches() function.Function {
	return textFunction([]string{"version", "constraint"}, cty.Bool, func(a []string) (cty.Value, error) {
		for i, text := range a {
			if len(text) > maxConstraint {
				return cty.UnknownVal(cty.Bool), function.NewArgErrorf(i, "it has at most %d characters", maxConstraint)
			}
		}
		version, err := semver.NewVersion(a[0])
		if err != nil {
			return cty.UnknownVal(cty.Bool), function.NewArgErrorf(0, `this is no version such as "1.4.2"`)
		}
		constraint, err := semver.NewConstraint(a[1])
		if err != nil {
			return cty.UnknownVal(cty.Bool), function.NewArgErrorf(1, `this is no constraint such as ">= 1.2, < 2"`)
		}
		return cty.BoolVal(constraint.Check(version)), nil
	})
}

// jsonDecode makes a value of JSON. What it answers depends on the text, so the text has to be known: see compileOnly.
func jsonDecode() function.Function {
	decode := func(arg cty.Value, check bool) (cty.Value, error) {
		if !check || !arg.IsKnown() {
			return stdlib.JSONDecode(arg)
		}
		if err := checkJSON(arg.AsString()); err != nil {
			return cty.DynamicVal, err
		}
		return stdlib.JSONDecode(arg)
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "json", Type: cty.String}},
		Type: func(args []cty.Value) (cty.Type, error) {
			v, err := decode(args[0], true)
			return v.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return decode(args[0], false) },
	})
}

// checkJSON refuses, in linear time, what cty would take long for, or overflow the stack with.
func checkJSON(text string) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	depth, elements := 0, 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && depth == 0 && elements > 0 {
			return nil
		}
		if err != nil {
			return function.NewArgErrorf(0, "this is not valid JSON")
		}
		if elements++; elements > maxElements {
			return tooMany()
		}
		switch t := token.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				depth++
			} else {
				depth--
			}
			if depth > maxNesting {
				return &limitError{codeNesting, "Nested too deeply", "Lists and objects nest at most 50 deep."}
			}
		case json.Number:
			if !smallNumber(t.String()) {
				return foreseeNumber(cty.StringVal(t.String()))
			}
		}
	}
}
