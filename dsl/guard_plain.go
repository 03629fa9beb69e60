package dsl

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// isPlain says whether an expression is text, a number or the like, or a list of such: most are, and refer to nothing.
func isPlain(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.TemplateExpr:
		return e.IsStringLiteral()
	case *hclsyntax.TupleConsExpr:
		return !slices.ContainsFunc(e.Exprs, func(e hclsyntax.Expression) bool { return !isPlain(e) })
	}
	return false
}
