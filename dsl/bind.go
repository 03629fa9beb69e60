package dsl

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A value is an argument whose expression refers only to what exists. It is evaluated once for each event.
type value struct {
	arg    *argSpec
	owner  string // the block that it belongs to, as messages name it
	at     place
	expr   hclsyntax.Expression // guarded
	refs   []reference
	locals []string // names of the locals among refs
	// varies says that the value is another one for another kind of events: checked for one, it is not checked for all.
	varies bool
}

// title names a value in a message: "env" of activity "test".
func (v *value) title() string { return fmt.Sprintf("%q of %s", v.arg.Name, v.owner) }

// findVaries looks at what the value refers to. Locals have to be known before.
func (v *value) findVaries(locals map[string]*local) {
	for _, r := range v.refs {
		switch r.root {
		case "event":
			v.varies = v.varies || r.name == "kind" || r.name == "branch" || r.name == "tag"
		case "local":
			l := locals[r.name]
			v.varies = v.varies || l.value != nil && l.value.varies
		}
	}
}

// A reference is root.name, somewhere in an expression.
type reference struct {
	root, name string
	at         place
}

func (r reference) String() string { return r.root + "." + r.name }

// rootNames are the attributes of the roots whose content does not depend on the files.
func rootNames(root string) (names, later []string) {
	switch root {
	case "event":
		return []string{"kind", "commit", "branch", "tag", "actor", "message"}, []string{"pull_request", "changed"}
	case "repo":
		return []string{"name", "url", "default_branch"}, []string{"owner"}
	case "run":
		return []string{"id"}, []string{"number", "url", "started_at"}
	}
	return nil, nil
}

// isRoot says whether a name is a root of language 1, and whether one that this release has no values for.
func isRoot(name string) (known, later bool) {
	switch name {
	case "event", "repo", "run", "local", "input":
		return true, false
	case "var", "matrix", "secret", "job", "activity", "approval", "lib", "def":
		return true, true
	}
	return false, false
}

// binder checks the expressions of one namespace before anything is evaluated.
type binder struct {
	ps     *problems
	m      *meter
	locals map[string]*local
	inputs map[string]*input // nil where there are none, as in locals
	where  string            // "pipeline \"ci\"", for messages about inputs
}

// bind checks what an argument refers to. It answers nil, which stands for an argument that is not set, if there is
// none or if it is wrong.
func (b *binder) bind(owner string, a *argument) *value {
	if a == nil {
		return nil
	}
	v := &value{arg: a.spec, owner: owner, at: a.exprAt}
	ok := true
	for _, t := range hclsyntax.Variables(a.expr) {
		ok = b.reference(v, t) && ok
	}
	ok = b.nodes(v, a.expr) && ok
	if !ok {
		return nil
	}
	for _, r := range v.refs {
		if r.root == "local" {
			v.locals = append(v.locals, r.name)
		}
	}
	v.findVaries(b.locals)
	v.expr = b.m.guard(a.expr)
	return v
}

func (b *binder) reference(v *value, t hcl.Traversal) bool {
	src := v.at.src
	root, at := t.RootName(), src.at(t.SourceRange())
	known, later := isRoot(root)
	switch {
	case !known:
		b.unknownRoot(root, len(t) == 1, at)
	case later:
		b.ps.add(codeLater, at, "Not in this release", "%s.* is part of language 1 but this release does not run it yet.", root)
	case v.arg.Phase == literal:
		b.ps.add(codeLiteral, at, "Plain value needed",
			"%s is read before anything happens, so it takes a plain value; %s.* exists only once an event has come.", v.title(), root)
	default:
		return b.attribute(v, root, t, at)
	}
	return false
}

func (b *binder) unknownRoot(root string, alone bool, at place) {
	detail := fmt.Sprintf("There is no %q here.", root)
	roots := []string{"event", "repo", "run", "local", "input"}
	_, isLocal := b.locals[root]
	_, isInput := b.inputs[root]
	switch {
	case isLocal:
		detail += fmt.Sprintf(" Did you mean local.%s?", root)
	case isInput:
		detail += fmt.Sprintf(" Did you mean input.%s?", root)
	case closest(root, roots) != "":
		detail += didYouMean(root, roots)
	case alone:
		detail += fmt.Sprintf(" Text is written in quotes: %q.", root)
	default:
		detail += " Values come from " + strings.Join(roots, ", ") + "."
	}
	b.ps.add(codeReference, at, "Unknown reference", "%s", detail)
}

func (b *binder) attribute(v *value, root string, t hcl.Traversal, at place) bool {
	var name string
	nameAt := at
	if len(t) > 1 {
		if step, ok := t[1].(hcl.TraverseAttr); ok {
			name, nameAt = step.Name, v.at.src.at(step.SrcRange)
			nameAt.start++ // the range holds the dot
		}
	}
	if name == "" {
		b.ps.add(codeReference, at, "Name missing", "%s is a group of values. Write %s.name.", root, root)
		return false
	}
	if root == "input" && b.inputs == nil {
		b.ps.add(codePhase, at, "Value not available here",
			"An input belongs to one pipeline, and %s to all. Use input.%s in the pipeline itself.", v.owner, name)
		return false
	}
	names, later := b.names(root)
	for _, n := range names {
		if n == name {
			v.refs = append(v.refs, reference{root, name, place{at.src, at.start, nameAt.end}})
			return true
		}
	}
	for _, n := range later {
		if n == name {
			b.ps.add(codeLater, at, "Not in this release", "%s.%s is part of language 1 but this release does not run it yet.", root, name)
			return false
		}
	}
	b.unknownAttribute(root, name, names, nameAt)
	return false
}

func (b *binder) names(root string) (names, later []string) {
	switch root {
	case "local":
		for n := range b.locals {
			names = append(names, n)
		}
	case "input":
		for n := range b.inputs {
			names = append(names, n)
		}
	default:
		return rootNames(root)
	}
	sort.Strings(names)
	return names, nil
}

func (b *binder) unknownAttribute(root, name string, names []string, at place) {
	hint := didYouMean(name, names)
	switch {
	case root == "input" && hint == "":
		hint = fmt.Sprintf(" Declare it in %s: input %q { ... }.", b.where, name)
	case root == "local" && hint == "":
		hint = fmt.Sprintf(" Declare it: locals { %s = ... }.", name)
	case hint == "":
		hint = " It has " + strings.Join(names, ", ") + "."
	}
	switch root {
	case "input":
		b.ps.add(codeInput, at, "Unknown input", "%s has no input %q.%s", b.where, name, hint)
	case "local":
		b.ps.add(codeReference, at, "Unknown local", "There is no local %q.%s", name, hint)
	default:
		b.ps.add(codeReference, at, "Unknown reference", "%s has no %q.%s", root, name, hint)
	}
}

// nodes checks what is no reference: calls, keys that are written twice, numbers in quotes that would be computed.
func (b *binder) nodes(v *value, expr hclsyntax.Expression) bool {
	before := b.ps.errors
	src := v.at.src
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor makes no diagnostics of its own
		switch n := n.(type) {
		case *hclsyntax.FunctionCallExpr:
			b.call(n, src)
		case *hclsyntax.ObjectConsExpr:
			b.keys(n, src)
		case *hclsyntax.ScopeTraversalExpr:
			b.steps(n.Traversal, src)
		case *hclsyntax.RelativeTraversalExpr:
			b.steps(n.Traversal, src)
		}
		return nil
	})
	return b.ps.errors == before
}

func (b *binder) call(n *hclsyntax.FunctionCallExpr, src *source) {
	at := src.at(n.NameRange)
	if _, ok := b.m.functions[n.Name]; ok {
		return
	}
	for _, later := range []string{"jsondecode", "semver_matches", "file", "hash_files", "changed"} {
		if n.Name == later {
			b.ps.add(codeLater, at, "Not in this release", "%s() is part of language 1 but this release does not run it yet.", n.Name)
			return
		}
	}
	var names []string
	for name := range b.m.functions {
		names = append(names, name)
	}
	b.ps.add(codeFunction, at, "Unknown function", "There is no function %q.%s", n.Name, didYouMean(n.Name, names))
}

// keys reports a key that an object has twice, where hcl takes the last.
func (b *binder) keys(n *hclsyntax.ObjectConsExpr, src *source) {
	first := map[string]place{}
	for _, item := range n.Items {
		key, ok := literalKey(item.KeyExpr)
		if !ok {
			continue
		}
		at := src.at(item.KeyExpr.Range())
		if earlier, twice := first[key]; twice {
			b.ps.add(codeDuplicate, at, "Key set twice", "The key %q is already set at %s.", key, earlier)
			continue
		}
		first[key] = at
	}
}

func literalKey(expr hclsyntax.Expression) (string, bool) {
	key, ok := expr.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return "", false
	}
	if name := hcl.ExprAsKeyword(key.Wrapped); name != "" && !key.ForceNonLiteral {
		return name, true
	}
	if t, ok := key.Wrapped.(*hclsyntax.TemplateExpr); ok && t.IsStringLiteral() {
		v, _ := t.Value(nil) // a literal has no diagnostics
		return v.AsString(), true
	}
	return "", false
}

// steps refuses list["1e999999999"]: hcl would convert the key to a number, digit by digit.
func (b *binder) steps(t hcl.Traversal, src *source) {
	for _, step := range t {
		if i, ok := step.(hcl.TraverseIndex); ok && i.Key.Type() == cty.String && !smallNumber(i.Key.AsString()) {
			b.ps.add(codeNumber, src.at(i.SrcRange), "Number too long",
				"Numbers have at most %d digits and an exponent of at most %d.", maxDigits, maxExponent)
		}
	}
}
