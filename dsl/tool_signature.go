package dsl

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// signatures answers how each function is called: join(separator string, lists ...list(string)).
func signatures() map[string]string {
	list := map[string]string{}
	for name, f := range newMeter().functions {
		list[name] = signature(name, f)
	}
	list["optional"] = "optional(job reference)"
	return list
}

func signature(name string, f function.Function) string {
	var params []string
	for _, p := range f.Params() {
		params = append(params, p.Name+" "+parameterType(p.Type))
	}
	if rest := f.VarParam(); rest != nil {
		params = append(params, rest.Name+" ..."+parameterType(rest.Type))
	}
	return fmt.Sprintf("%s(%s)", name, strings.Join(params, ", "))
}

func parameterType(t cty.Type) string {
	switch {
	case t == cty.DynamicPseudoType:
		return "any"
	case t.IsCollectionType():
		return typeName(t) + "(" + parameterType(t.ElementType()) + ")"
	}
	return typeName(t)
}
