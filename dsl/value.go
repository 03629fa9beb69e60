package dsl

import (
	"math/big"
	"strconv"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// element answers the place of an element of a list that is written out, or else of the whole value.
func (v *value) element(i int) place {
	if list, ok := unwrap(v.expr).(*hclsyntax.TupleConsExpr); ok && i < len(list.Exprs) {
		return v.at.src.at(list.Exprs[i].Range())
	}
	return v.at
}

// key and item answer the places of a key of an object that is written out and of what it is set to, or else of the whole.
func (v *value) key(name string) place {
	if item := v.find(name); item != nil {
		return v.at.src.at(item.KeyExpr.Range())
	}
	return v.at
}

func (v *value) item(name string) place {
	if item := v.find(name); item != nil {
		return v.at.src.at(item.ValueExpr.Range())
	}
	return v.at
}

func (v *value) find(name string) *hclsyntax.ObjectConsItem {
	object, ok := unwrap(v.expr).(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil
	}
	for i := range object.Items {
		if key, ok := literalKey(object.Items[i].KeyExpr); ok && key == name {
			return &object.Items[i]
		}
	}
	return nil
}

func unwrap(expr hclsyntax.Expression) hclsyntax.Expression {
	if g, ok := expr.(*guarded); ok {
		return g.Expression
	}
	return expr
}

// valueName is how a message names what it found.
func valueName(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	return aType(v.Type())
}

// plainText writes a string, number or bool as text.
func plainText(v cty.Value) string {
	v, _ = v.Unmark()
	if v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		return v.AsString()
	}
	if v.Type() == cty.Number && v.IsKnown() && !v.IsNull() {
		if n, exact := v.AsBigFloat().Int64(); exact == big.Exact {
			return strconv.FormatInt(n, 10) // as cty writes it, at a tenth of the cost
		}
	}
	text, err := convert.Convert(v, cty.String)
	if err != nil || !text.IsKnown() || text.IsNull() {
		return ""
	}
	return text.AsString()
}
