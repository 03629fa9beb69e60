package dsl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// sparing is spares for all jobs that the value refers to.
func (c *binder) sparing(expr hclsyntax.Expression) bool {
	sensitive := map[string]bool{}
	for _, r := range c.v.refs {
		if r.root != "job" {
			continue
		}
		to := c.here.pipeline.byName[r.name]
		for _, o := range to.outputs {
			if to.matrix != nil && o.sensitive && r.rest[0] == "each" {
				sensitive[o.name] = true
			}
		}
	}
	return len(sensitive) == 0 || spares(expr, sensitive)
}

// spares says whether an expression that refers to job.x.each surely takes none of the job's sensitive outputs out of it. Before
// the run the list is not known, and a mark on it would be one on everything that is made of it, such as the number of elements.
// In the run each value has its own mark, so a wrong answer makes no secret public.
func spares(expr hclsyntax.Expression, sensitive map[string]bool) bool {
	w := &eachWalk{sensitive: sensitive, elements: map[string]bool{}, spared: map[hclsyntax.Node]bool{}, spares: true}
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor makes no diagnostics of its own
		w.visit(n)
		return nil
	})
	return w.spares
}

// An eachWalk looks at the nodes of an expression, the outer ones first.
type eachWalk struct {
	sensitive map[string]bool
	elements  map[string]bool         // names that loops give to elements
	spared    map[hclsyntax.Node]bool // lists of which only elements are used, or their number
	spares    bool
}

func (w *eachWalk) visit(n hclsyntax.Node) {
	switch n := n.(type) {
	case *hclsyntax.ForExpr:
		w.spared[n.CollExpr] = true
		w.elements[n.ValVar] = true
	case *hclsyntax.FunctionCallExpr:
		if n.Name == "length" && len(n.Args) == 1 {
			w.spared[n.Args[0]] = true
		}
	case *hclsyntax.SplatExpr:
		w.spared[n.Source] = true
		if n.Each == hclsyntax.Expression(n.Item) {
			w.spares = false
		}
	case *hclsyntax.IndexExpr:
		w.spares = false // who knows what the key is
	case *hclsyntax.RelativeTraversalExpr:
		w.steps(n.Traversal)
	case *hclsyntax.ScopeTraversalExpr:
		w.steps(n.Traversal)
		whole := len(n.Traversal) == 1 && w.elements[n.Traversal.RootName()] || isEach(n.Traversal[len(n.Traversal)-1])
		if whole && !w.spared[n] {
			w.spares = false
		}
	}
}

// steps looks for the name of a sensitive output, and for all outputs as a whole.
func (w *eachWalk) steps(t hcl.Traversal) {
	for i, step := range t {
		switch step := step.(type) {
		case hcl.TraverseAttr:
			if w.sensitive[step.Name] || step.Name == "outputs" && i == len(t)-1 {
				w.spares = false
			}
		case hcl.TraverseIndex:
			if i == len(t)-1 || step.Key.Type() != cty.Number {
				w.spares = false
			}
		}
	}
}

func isEach(step hcl.Traverser) bool {
	attr, ok := step.(hcl.TraverseAttr)
	return ok && attr.Name == "each"
}
