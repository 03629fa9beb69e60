package dsl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A value is an argument whose references were checked. It is evaluated for each kind of event, for each event, and for
// what a run finds out later.
type value struct {
	arg    *argSpec
	owner  string // the block that it belongs to, as messages name it
	at     place
	expr   hclsyntax.Expression // guarded
	refs   []reference
	locals []string // names of the locals among refs
	phase  phase    // the latest of what it refers to
	// library is the one whose files it asks for; empty for the commit's.
	library string
	// late says that it is known only once an activity is about to begin.
	late bool
	// spares says that it takes nothing sensitive out of job.x.each.
	spares bool
	// varies are the parts of an event that the value depends on, and that are null for some kinds of events: checked for one
	// kind, it is not checked for all.
	varies parts
}

// title names a value in a message: "env" of activity "test".
func (v *value) title() string {
	if strings.HasPrefix(v.owner, "local.") {
		return v.owner
	}
	return fmt.Sprintf("%q of %s", v.arg.Name, v.owner)
}

// findVaries looks at what the value refers to. Locals have to be known before.
func (v *value) findVaries(locals map[string]*local) {
	for _, r := range v.refs {
		switch r.root {
		case "event":
			v.varies |= partOf(r.name)
		case "local":
			if l := locals[r.name]; l.value != nil {
				v.varies |= l.value.varies
			}
		}
	}
}

// A scope is what the expressions of one place can see.
type scope struct {
	where    string    // names the place: pipeline "ci"
	pipeline *pipeline // nil outside of pipelines
	job      *job      // nil outside of jobs; also an approval
	// activities are how many of the job's activities, from the first one on, can be referred to; -1 where none can.
	activities int
	definition *definition // nil outside of definitions
	// only is the one reference that a check may have; empty for all other places.
	only string
}

// inputs answers the inputs of a place, and whether there can be any.
func (s *scope) inputs() ([]*input, bool) {
	switch {
	case s.definition != nil:
		return s.definition.inputs, true
	case s.pipeline != nil:
		return s.pipeline.inputs, true
	}
	return nil, false
}

// A binder checks what one expression refers to, before anything is evaluated.
type binder struct {
	*builder
	here *scope
	v    *value
	// spoiled are the starts of what is reported already: evaluation goes on without them, to find what else is wrong.
	spoiled map[int]bool
}

// bind checks an argument, for evaluation later. It answers nil, which stands for an argument that is not set, if there is none.
func (b *builder) bind(n *node, name string) *value {
	if n.args[name] == nil {
		return nil
	}
	return b.bindAs(n.title(), n.args[name])
}

func (b *builder) bindAs(owner string, a *argument) *value {
	if a == nil {
		return nil
	}
	c := &binder{b, b.scope, &value{arg: a.spec, owner: owner, at: a.exprAt}, map[int]bool{}}
	if b.scope.definition != nil {
		c.v.library = b.scope.definition.library
	}
	if !isPlain(a.expr) {
		for _, t := range hclsyntax.Variables(a.expr) {
			if !c.reference(t) {
				c.spoiled[t.SourceRange().Start.Byte] = true
			}
		}
		c.nodes(a.expr)
	}
	c.v.spares = c.sparing(a.expr)
	c.v.late = c.v.late || !c.v.spares
	for _, r := range c.v.refs {
		if r.root == "local" {
			c.v.locals = append(c.v.locals, r.name)
		}
	}
	c.v.findVaries(b.config.locals)
	c.v.expr = b.config.m.guardWithout(a.expr, c.spoiled)
	if b.scope.job != nil {
		b.scope.job.values = append(b.scope.job.values, c.v)
	}
	return c.v
}

// reference checks one, and adds it to the value's if it is right.
func (c *binder) reference(t hcl.Traversal) bool {
	src := c.v.at.src
	r, steps := referenceTo(src, t)
	known, ok := rootOf(r.root)
	switch {
	case !ok:
		c.unknownRoot(r, len(t) == 1)
		return false
	case c.v.arg.Phase == literal:
		c.ps.add(codeLiteral, r.whole, "Plain value needed",
			"%s is read before anything happens, so it takes a plain value; %s.* exists only once an event has come.", c.v.title(), r.root)
		return false
	case known.phase == literal:
		c.ps.add(codeReference, r.whole, "Not a value", `%s.* are definitions, which only "use" of an activity takes.`, r.root)
		return false
	case !c.visible(r) || !c.inTime(r, c.phaseOf(known)):
		return false
	case steps < 2:
		c.ps.add(codeReference, r.whole, "Name missing", "%s is a group of values. Write %s.name.", r.root, r.root)
		return false
	}
	if !c.named(r, t) {
		return false
	}
	c.v.refs = append(c.v.refs, r)
	c.v.phase = max(c.v.phase, c.phaseOf(known))
	c.v.late = c.v.late || known.phase == agent
	return true
}

// nodes checks what is no reference: calls, keys that are written twice, numbers in quotes that would be computed.
func (c *binder) nodes(expr hclsyntax.Expression) {
	src := c.v.at.src
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor makes no diagnostics of its own
		switch n := n.(type) {
		case *hclsyntax.FunctionCallExpr:
			c.call(n, src)
		case *hclsyntax.ObjectConsExpr:
			c.keys(n, src)
		case *hclsyntax.ScopeTraversalExpr:
			c.steps(n, n.Traversal, src)
		case *hclsyntax.RelativeTraversalExpr:
			c.steps(n, n.Traversal, src)
		}
		return nil
	})
}

func (c *binder) call(n *hclsyntax.FunctionCallExpr, src *source) {
	if n.Name == "optional" {
		c.ps.add(codeFunction, src.at(n.NameRange), "Not a function", "optional() stands in \"needs\" and in types only.")
		c.spoiled[n.Range().Start.Byte] = true
		return
	}
	if _, ok := c.config.m.functions[n.Name]; !ok {
		var names []string
		for name := range c.config.m.functions {
			names = append(names, name)
		}
		c.ps.add(codeFunction, src.at(n.NameRange), "Unknown function", "There is no function %q.%s", n.Name, didYouMean(n.Name, names))
		c.spoiled[n.Range().Start.Byte] = true
		return
	}
	if compileOnly(n.Name) {
		c.known(n, src)
	}
}

// known requires that all arguments of a call are known when the run is planned.
func (c *binder) known(n *hclsyntax.FunctionCallExpr, src *source) {
	for _, t := range hclsyntax.Variables(n) {
		if r, ok := rootOf(t.RootName()); ok && c.phaseOf(r) > compile {
			c.ps.add(codePhase, src.at(t.SourceRange()), "Value not available here",
				"%s() is evaluated when the run is planned, but %s.* exists only from %s time on.", n.Name, r.name, c.phaseOf(r))
			c.spoiled[n.Range().Start.Byte] = true
		}
	}
}

// keys reports a key that an object has twice, where hcl takes the last.
func (c *binder) keys(n *hclsyntax.ObjectConsExpr, src *source) {
	first := map[string]place{}
	for _, item := range n.Items {
		key, ok := literalKey(item.KeyExpr)
		if !ok {
			continue
		}
		at := src.at(item.KeyExpr.Range())
		if earlier, twice := first[key]; twice {
			c.ps.add(codeDuplicate, at, "Key set twice", "The key %q is already set at %s.", key, earlier)
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
func (c *binder) steps(n hclsyntax.Node, t hcl.Traversal, src *source) {
	for _, step := range t {
		if i, ok := step.(hcl.TraverseIndex); ok && i.Key.Type() == cty.String && !smallNumber(i.Key.AsString()) {
			c.ps.add(codeNumber, src.at(i.SrcRange), "Number too long",
				"Numbers have at most %d digits and an exponent of at most %d.", maxDigits, maxExponent)
			c.spoiled[n.Range().Start.Byte] = true
		}
	}
}
