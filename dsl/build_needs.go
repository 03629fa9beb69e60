package dsl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// needs reads the list of references, which is never evaluated.
func (b *builder) needs(j *job, n *node) {
	a := n.args["needs"]
	if a == nil {
		return
	}
	list, diags := hcl.ExprList(a.expr)
	if diags.HasErrors() {
		b.ps.add(codeNotReference, a.exprAt, "List needed", "\"needs\" takes a list of references: needs = [job.build].")
		return
	}
	seen := map[*job]place{}
	for _, expr := range list {
		at := a.at.src.at(expr.Range())
		to, optional := b.need(expr, at)
		if to == nil {
			continue
		}
		if earlier, twice := seen[to]; twice {
			b.ps.add(codeDuplicate, at, "Needed twice", "%s already stands at %s.", to.title(), earlier)
			continue
		}
		seen[to] = at
		j.addEdge(edge{to: to, optional: optional, at: at})
	}
}

// need reads job.x, approval.x or optional(job.x).
func (b *builder) need(expr hcl.Expression, at place) (to *job, optional bool) {
	if call, ok := expr.(*hclsyntax.FunctionCallExpr); ok && call.Name == "optional" && len(call.Args) == 1 {
		to, _ = b.need(call.Args[0], at.src.at(call.Args[0].Range()))
		return to, true
	}
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() {
		b.notReference(expr, at)
		return nil, false
	}
	switch root := t.RootName(); {
	case (root == "job" || root == "approval") && len(t) == 2:
		if _, ok := t[1].(hcl.TraverseAttr); ok {
			r, _ := referenceTo(at.src, t)
			return (&binder{builder: b, here: b.scope}).nodeNamed(r, stepAt(at.src, t[1])), false
		}
	case len(t) == 1:
		b.ps.add(codeNotReference, at, "Reference needed", "Only references such as job.build or approval.release may stand here. Write job.%s.", root)
		return nil, false
	}
	b.ps.add(codeNotReference, at, "Reference needed", "Only references such as job.build or approval.release may stand here.")
	return nil, false
}

// notReference explains what stands where a reference should.
func (b *builder) notReference(expr hcl.Expression, at place) {
	hint := ""
	if name := strings.TrimPrefix(literalText(expr), "job."); validName.MatchString(name) {
		hint = fmt.Sprintf(" Write job.%s without quotes.", name)
	}
	b.ps.add(codeNotReference, at, "Reference needed", "Only references such as job.build or approval.release may stand here.%s", hint)
}

// literalText answers the text of an expression that is nothing else, or nothing.
func literalText(expr hcl.Expression) string {
	if t, ok := expr.(*hclsyntax.TemplateExpr); ok && t.IsStringLiteral() {
		v, _ := t.Value(nil) // a literal has no diagnostics
		return v.AsString()
	}
	return ""
}

// unpack reads the map from folders to artifacts, which is never evaluated.
func (b *builder) unpack(n *node) map[string]plan.ArtifactRef {
	a := n.args["unpack"]
	if a == nil {
		return nil
	}
	pairs, diags := hcl.ExprMap(a.expr)
	if diags.HasErrors() {
		b.ps.add(codeNotReference, a.exprAt, "Map needed", `"unpack" takes references by folder: unpack = { "dist" = job.build.artifacts.app }.`)
		return nil
	}
	made := map[string]plan.ArtifactRef{}
	for _, pair := range pairs {
		keyAt := a.at.src.at(pair.Key.Range())
		key, ok := literalKey(pair.Key.(hclsyntax.Expression))
		switch {
		case !ok:
			b.ps.add(codeLiteral, keyAt, "Plain value needed", "A folder is a plain text.")
			continue
		case !insideFolder(key):
			b.ps.add(codeValue, keyAt, "Invalid path", "A folder is relative to the workspace, and stays in it.")
			continue
		}
		if ref, ok := b.artifactRef(pair.Value, a.at.src.at(pair.Value.Range())); ok {
			made[key] = ref
		}
	}
	return made
}

func (b *builder) artifactRef(expr hcl.Expression, at place) (plan.ArtifactRef, bool) {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() || t.RootName() != "job" || len(t) != 4 {
		b.ps.add(codeNotReference, at, "Reference needed", "Only references such as job.build.artifacts.app may stand here.")
		return plan.ArtifactRef{}, false
	}
	r, steps := referenceTo(at.src, t)
	if steps != 4 || r.rest[0] != "artifacts" {
		b.ps.add(codeNotReference, at, "Reference needed", "Only references such as job.build.artifacts.app may stand here.")
		return plan.ArtifactRef{}, false
	}
	c := &binder{builder: b, here: b.scope}
	to := c.nodeNamed(r, stepAt(at.src, t[1]))
	if to == nil {
		return plan.ArtifactRef{}, false
	}
	var names []string
	for _, known := range to.artifacts {
		names = append(names, known.name)
	}
	for _, known := range names {
		if known == r.rest[1] {
			b.scope.job.addEdge(edge{to: to, at: r.at})
			return plan.ArtifactRef{Job: to.name, Artifact: known}, true
		}
	}
	hint := didYouMean(r.rest[1], names)
	if hint == "" && len(names) == 0 {
		hint = ` It declares none: artifact "name" { paths = [...] }.`
	}
	b.ps.add(codeReference, stepAt(at.src, t[3]), "Unknown artifact", "%s has no artifact %q.%s", r, r.rest[1], hint)
	return plan.ArtifactRef{}, false
}
