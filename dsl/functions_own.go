package dsl

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// textFunction makes a function from texts to a bool or a text.
func textFunction(names []string, t cty.Type, impl func(args []string) (cty.Value, error)) function.Function {
	params := make([]function.Parameter, len(names))
	for i, n := range names {
		params[i] = function.Parameter{Name: n, Type: cty.String}
	}
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(t),
		RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder {
			return b.NotNull()
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			texts := make([]string, len(args))
			for i, a := range args {
				texts[i] = a.AsString()
			}
			return impl(texts)
		},
	})
}

func startsWith() function.Function {
	return textFunction([]string{"text", "prefix"}, cty.Bool, func(a []string) (cty.Value, error) {
		return cty.BoolVal(strings.HasPrefix(a[0], a[1])), nil
	})
}

func endsWith() function.Function {
	return textFunction([]string{"text", "suffix"}, cty.Bool, func(a []string) (cty.Value, error) {
		return cty.BoolVal(strings.HasSuffix(a[0], a[1])), nil
	})
}

func matchesGlob() function.Function {
	return textFunction([]string{"glob", "text"}, cty.Bool, func(a []string) (cty.Value, error) {
		g, err := parseGlob(a[0])
		if err != nil {
			return cty.UnknownVal(cty.Bool), function.NewArgError(0, err)
		}
		return cty.BoolVal(g.matches(a[1]) != g.negated), nil
	})
}

func base64Encode() function.Function {
	return textFunction([]string{"text"}, cty.String, func(a []string) (cty.Value, error) {
		return cty.StringVal(base64.StdEncoding.EncodeToString([]byte(a[0]))), nil
	})
}

func urlEncode() function.Function {
	return textFunction([]string{"text"}, cty.String, func(a []string) (cty.Value, error) {
		return cty.StringVal(url.QueryEscape(a[0])), nil
	})
}

func sha256Hex() function.Function {
	return textFunction([]string{"text"}, cty.String, func(a []string) (cty.Value, error) {
		sum := sha256.Sum256([]byte(a[0]))
		return cty.StringVal(hex.EncodeToString(sum[:])), nil
	})
}

// length counts the elements of a collection, or the characters of a text.
func length() function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true}},
		Type:         function.StaticReturnType(cty.Number),
		RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, marks := args[0].Unmark() // how many elements there are is no secret where each of them is one
			switch t := v.Type(); {
			case t == cty.DynamicPseudoType:
				return cty.UnknownVal(cty.Number).WithMarks(marks), nil
			case t == cty.String:
				n, err := stdlib.Strlen(v)
				return n.WithMarks(marks), err
			case t.IsTupleType() || t.IsObjectType() || t.IsCollectionType():
				return v.Length().WithMarks(marks), nil
			default:
				return cty.UnknownVal(cty.Number).WithMarks(marks), function.NewArgErrorf(0, "a string, list, map or object is needed, but this is %s", aType(t))
			}
		},
	})
}

// listFunction makes a function over the elements of one list.
func listFunction(element, result cty.Type, impl func(elements []cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type:         func(args []cty.Value) (cty.Type, error) { return result, checkElements(args[0].Type(), element) },
		RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(result), nil
			}
			elements := args[0].AsValueSlice()
			for _, e := range elements {
				if e.IsNull() {
					return cty.UnknownVal(result), function.NewArgErrorf(0, "an element is null")
				}
			}
			return impl(elements)
		},
	})
}

// checkElements says whether every element of a list of type t is of the type that is wanted.
func checkElements(t, want cty.Type) error {
	var types []cty.Type
	switch {
	case t.IsListType() || t.IsSetType():
		types = []cty.Type{t.ElementType()}
	case t.IsTupleType():
		types = t.TupleElementTypes()
	default:
		return function.NewArgErrorf(0, "a list is needed, but this is %s", aType(t))
	}
	for _, e := range types {
		if e != want && e != cty.DynamicPseudoType {
			return function.NewArgErrorf(0, "a list of elements of type %s is needed, but one is %s", typeName(want), aType(e))
		}
	}
	return nil
}

func allTrue() function.Function {
	return listFunction(cty.Bool, cty.Bool, func(elements []cty.Value) (cty.Value, error) {
		for _, e := range elements {
			if e.False() {
				return cty.False, nil
			}
		}
		return cty.True, nil
	})
}

func anyTrue() function.Function {
	return listFunction(cty.Bool, cty.Bool, func(elements []cty.Value) (cty.Value, error) {
		for _, e := range elements {
			if e.True() {
				return cty.True, nil
			}
		}
		return cty.False, nil
	})
}

func sum() function.Function {
	return listFunction(cty.Number, cty.Number, func(elements []cty.Value) (cty.Value, error) {
		total := cty.Zero
		for _, e := range elements {
			total = total.Add(e)
		}
		return total, nil
	})
}

// one answers the only element of a list, or null if it is empty.
func one() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			switch t := args[0].Type(); {
			case t.IsListType() || t.IsSetType():
				return t.ElementType(), nil
			case t.IsTupleType() && t.Length() == 1:
				return t.TupleElementType(0), nil
			case t.IsTupleType() && t.Length() == 0:
				return cty.DynamicPseudoType, nil
			case t.IsTupleType():
				return cty.DynamicPseudoType, errNotOne
			default:
				return cty.DynamicPseudoType, function.NewArgErrorf(0, "a list is needed, but this is %s", aType(t))
			}
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			switch elements := args[0].AsValueSlice(); len(elements) {
			case 0:
				return cty.NullVal(t), nil
			case 1:
				return elements[0], nil
			default:
				return cty.UnknownVal(t), errNotOne
			}
		},
	})
}

var errNotOne = errors.New("the list has more than one element")
