package dsl

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are the functions of the language, before they are metered. All are pure: an expression with the same event
// and inputs always gives the same plan.
func functions() map[string]function.Function {
	return map[string]function.Function{
		"upper": stdlib.UpperFunc, "lower": stdlib.LowerFunc, "trimspace": stdlib.TrimSpaceFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimsuffix": stdlib.TrimSuffixFunc, "replace": stdlib.ReplaceFunc,
		"split": stdlib.SplitFunc, "join": stdlib.JoinFunc, "substr": stdlib.SubstrFunc, "format": stdlib.FormatFunc,
		"regex": stdlib.RegexFunc, "startswith": startsWith(), "endswith": endsWith(), "matches": matchesGlob(),

		"length": length(), "contains": stdlib.ContainsFunc, "keys": stdlib.KeysFunc, "values": stdlib.ValuesFunc,
		"merge": stdlib.MergeFunc, "concat": stdlib.ConcatFunc, "flatten": stdlib.FlattenFunc,
		"distinct": stdlib.DistinctFunc, "sort": stdlib.SortFunc, "reverse": stdlib.ReverseListFunc,
		"slice": stdlib.SliceFunc, "element": stdlib.ElementFunc, "lookup": stdlib.LookupFunc,
		"zipmap": stdlib.ZipmapFunc, "compact": stdlib.CompactFunc, "coalesce": stdlib.CoalesceFunc,
		"range": stdlib.RangeFunc, "setproduct": stdlib.SetProductFunc,
		"alltrue": allTrue(), "anytrue": anyTrue(), "one": one(),

		"min": stdlib.MinFunc, "max": stdlib.MaxFunc, "sum": sum(), "abs": stdlib.AbsoluteFunc,
		"ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc,

		"tostring": stdlib.MakeToFunc(cty.String), "tonumber": stdlib.MakeToFunc(cty.Number), "tobool": stdlib.MakeToFunc(cty.Bool),
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),

		"jsonencode": stdlib.JSONEncodeFunc, "jsondecode": jsonDecode(), "semver_matches": semverMatches(),
		"base64encode": base64Encode(), "urlencode": urlEncode(), "sha256": sha256Hex(),
	}
}

// meterAll makes each function ask the meter before it does anything.
func (m *meter) meterAll(plain map[string]function.Function) map[string]function.Function {
	metered := make(map[string]function.Function, len(plain))
	for name, f := range plain {
		metered[name] = m.metered(name, f)
	}
	return metered
}

func (m *meter) metered(name string, f function.Function) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			for _, a := range args {
				if err := m.chargeValue(a); err != nil {
					return cty.DynamicPseudoType, err
				}
			}
			if err := m.foresee(name, args); err != nil {
				return cty.DynamicPseudoType, err
			}
			if m.spent() {
				return cty.DynamicPseudoType, nil
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			if m.spent() {
				return cty.UnknownVal(t), nil
			}
			return f.Call(args)
		},
	})
}
