package dsl

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// ParseBothWays lets hcl parse a file at once, and block by block, and answers what both are. ok is false if hcl never
// gets to see it.
func ParseBothWays(data []byte) (whole, pieces string, ok bool) {
	src := newSource(File{Name: "x.hcl", Data: data})
	s := newScanner(src, &problems{})
	if !s.scan() {
		return "", "", false
	}
	whole, pieces = "mistakes", "mistakes"
	if file, diags := hclsyntax.ParseConfig(slices.Clone(s.data), "x.hcl", hcl.InitialPos); !diags.HasErrors() {
		whole = dump(file.Body.(*hclsyntax.Body))
	}
	if body, ok := parsePieces(s); ok {
		pieces = dump(body)
	}
	return whole, pieces, true
}

func dump(body *hclsyntax.Body) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(body.Attributes)) {
		a := body.Attributes[name]
		fmt.Fprintf(&b, "%s @%d = %T @%d-%d\n", name, a.NameRange.Start.Byte, a.Expr, a.Expr.Range().Start.Byte, a.Expr.Range().End.Byte)
	}
	for _, block := range body.Blocks {
		fmt.Fprintf(&b, "%s %q @%d-%d {\n%s}\n", block.Type, block.Labels, block.OpenBraceRange.Start.Byte, block.CloseBraceRange.End.Byte, dump(block.Body))
	}
	return b.String()
}

// Measure evaluates an expression once, so that nothing is kept of it from before, and answers the steps and the processor time.
func Measure(expr string, values map[string]cty.Value, clock func() time.Duration) (steps int, took time.Duration, err error) {
	e, diags := hclsyntax.ParseExpression([]byte(expr), "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		return 0, 0, diags
	}
	m := newMeter()
	guarded := m.guard(e)
	ctx := &hcl.EvalContext{Variables: values, Functions: m.functions}
	m.reset()
	start := clock()
	_, diags = guarded.Value(ctx)
	took = clock() - start
	if diags.HasErrors() {
		err = diags
	}
	return m.steps, took, err
}
