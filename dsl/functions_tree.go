package dsl

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// treeFunctions are the functions that ask a tree. Those of a library ask that library's.
func treeFunctions(t tree) map[string]function.Function {
	return map[string]function.Function{
		"file":       fileText(t),
		"hash_files": hashFiles(t),
		"changed":    changedFiles(t),
	}
}

// compileOnly says of a function that all it is given must be known when a run is planned: the tree is gone later, and
// what jsondecode answers has a type that only its text decides.
func compileOnly(name string) bool {
	switch name {
	case "file", "hash_files", "changed", "jsondecode":
		return true
	}
	return false
}

func fileText(t tree) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "path", Type: cty.String}},
		Type:         function.StaticReturnType(cty.String),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, known, err := t.text(args[0].AsString())
			if err != nil || !known {
				return cty.UnknownVal(cty.String), err
			}
			return cty.StringVal(text), nil
		},
	})
}

func hashFiles(t tree) function.Function {
	return globFunction(cty.String, func(patterns []string) (cty.Value, error) {
		sum, known, err := t.hash(patterns)
		if err != nil || !known {
			return cty.UnknownVal(cty.String), err
		}
		return cty.StringVal(sum), nil
	})
}

func changedFiles(t tree) function.Function {
	return globFunction(cty.Bool, func(patterns []string) (cty.Value, error) {
		changed, known, err := t.changed(patterns)
		if err != nil || !known {
			return cty.UnknownVal(cty.Bool), err
		}
		return cty.BoolVal(changed), nil
	})
}

// globFunction makes a function of at least one glob.
func globFunction(result cty.Type, impl func(patterns []string) (cty.Value, error)) function.Function {
	glob := function.Parameter{Name: "glob", Type: cty.String}
	return function.New(&function.Spec{
		Params:       []function.Parameter{glob},
		VarParam:     &glob,
		Type:         function.StaticReturnType(result),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			patterns := make([]string, len(args))
			for i, a := range args {
				patterns[i] = a.AsString()
			}
			return impl(patterns)
		},
	})
}

func notNull(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() }
