package dsl

import (
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// build makes pipelines out of nodes, and reports what the files alone can be blamed for. Everything that it makes can be
// used even after mistakes: what is wrong is left out.
func build(root *node, ps *problems) *Config {
	b := &builder{ps: ps, config: &Config{locals: map[string]*local{}, m: newMeter()}}
	b.literal = &evaluator{config: b.config, ps: ps}
	if n := root.first("tutti"); n != nil {
		b.language(n)
	}
	b.locals(root.all("locals"))
	for _, n := range root.all("pipeline") {
		b.config.pipelines = append(b.config.pipelines, b.pipeline(n))
	}
	return b.config
}

type builder struct {
	ps     *problems
	config *Config
	// literal evaluates arguments of that phase, for which nothing exists but the text itself.
	literal *evaluator
	// inputs and where are those of the pipeline that is being built.
	inputs map[string]*input
	where  string
}

// bind checks an argument's expression, for evaluation later.
func (b *builder) bind(n *node, name string) *value {
	binder := &binder{b.ps, b.config.m, b.config.locals, b.inputs, b.where}
	return binder.bind(n.title(), n.args[name])
}

// now evaluates an argument of the literal phase.
func (b *builder) now(n *node, name string) (cty.Value, *value) {
	v := b.bind(n, name)
	if v == nil {
		return cty.NilVal, nil
	}
	got, ok := b.literal.eval(v)
	if !ok {
		return cty.NilVal, nil
	}
	return got, v
}

// text evaluates an argument of the literal phase that is a string.
func (b *builder) text(n *node, name string) (string, *value) {
	v := b.bind(n, name)
	if v == nil {
		return "", nil
	}
	text, ok := b.literal.text(v)
	if !ok {
		return "", nil
	}
	return text, v
}

func (b *builder) language(n *node) {
	got, v := b.now(n, "language")
	if v == nil {
		return
	}
	if got.Type() != cty.Number || !got.RawEquals(cty.NumberIntVal(1)) {
		b.ps.add(codeValue, v.at, "Unknown language", "This release reads language 1. Write tutti { language = 1 }.")
	}
}

// locals gathers the blocks of that kind, whose names add up.
func (b *builder) locals(blocks []*node) {
	var names []string
	args := map[string]*argument{}
	for _, n := range blocks {
		for _, name := range sortedArgs(n) {
			a := n.args[name]
			switch earlier := args[name]; {
			case earlier != nil:
				b.ps.add(codeDuplicate, a.at, "Declared twice", "There is already a local %q at %s.", name, earlier.at)
			case !validName.MatchString(name) || len(name) > maxNameLength:
				b.ps.add(codeName, a.at, "Invalid name",
					"The name of a local has lower-case letters, digits, \"-\" and \"_\", starts with a letter, and has at most %d characters.", maxNameLength)
			default:
				args[name] = a
				names = append(names, name)
				b.config.locals[name] = &local{name: name, at: a.at}
			}
		}
	}
	if len(names) > maxLocals {
		b.ps.add(codeTooMany, args[names[maxLocals]].at, "Too many locals", "There can be %d.", maxLocals)
		return
	}
	for _, name := range names {
		l := b.config.locals[name]
		binder := &binder{b.ps, b.config.m, b.config.locals, nil, ""}
		if l.value = binder.bind("locals", args[name]); l.value != nil {
			l.value.owner = "local." + name
		}
	}
	b.orderLocals(names)
}

func sortedArgs(n *node) []string {
	names := make([]string, 0, len(n.args))
	for name := range n.args {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return n.args[names[i]].at.before(n.args[names[j]].at) })
	return names
}

// orderLocals finds an order in which locals can be evaluated, or the cycle that prevents one.
func (b *builder) orderLocals(names []string) {
	needs := func(name string) []string {
		if l := b.config.locals[name]; l.value != nil {
			return l.value.locals
		}
		return nil
	}
	if cycle := plan.Cycle(names, needs); cycle != nil {
		var lines strings.Builder
		for i, name := range cycle {
			next := cycle[(i+1)%len(cycle)]
			lines.WriteString("\n  local." + name + " needs local." + next + " (" + b.config.locals[name].at.String() + ")")
		}
		b.ps.add(codeLocalCycle, b.config.locals[cycle[0]].at, "Cycle between locals", "These need each other, so none has a value:%s", lines.String())
		for _, name := range cycle {
			b.config.locals[name].value = nil
		}
		return
	}
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, n := range needs(name) {
			visit(n)
		}
		b.config.order = append(b.config.order, name)
	}
	for _, name := range names {
		visit(name)
	}
	for _, name := range b.config.order { // binding went in the order of writing
		if l := b.config.locals[name]; l.value != nil {
			l.value.findVaries(b.config.locals)
		}
	}
}

func (b *builder) pipeline(n *node) *pipeline {
	p := &pipeline{name: n.name, at: n.nameAt}
	p.description, _ = b.text(n, "description")
	b.inputs, b.where = map[string]*input{}, p.title()
	for _, on := range n.all("on") {
		if on.spec.Event == KindPush {
			p.push = b.pushTrigger(on)
		} else {
			p.manual = true
		}
	}
	if len(n.all("on")) == 0 {
		b.ps.add(codeEmpty, p.at, "Nothing starts this pipeline", `%s has no "on" block. Write on "push" {} or on "manual" {}.`, p.title())
	}
	for i, in := range n.all("input") {
		if i == maxInputs {
			b.ps.add(codeTooMany, in.nameAt, "Too many inputs", "A pipeline has at most %d inputs.", maxInputs)
			break
		}
		b.input(p, in)
	}
	jobs := n.all("job")
	if len(jobs) == 0 {
		b.ps.add(codeEmpty, p.at, "No jobs", `%s has no jobs. Write job "build" { ... }.`, p.title())
	}
	for i, j := range jobs {
		if i == maxJobs {
			b.ps.add(codeTooMany, j.nameAt, "Too many jobs", "A pipeline has at most %d jobs.", maxJobs)
			break
		}
		p.jobs = append(p.jobs, b.job(j))
	}
	b.graph(p)
	return p
}

func (b *builder) pushTrigger(n *node) *pushTrigger {
	t := &pushTrigger{hasBranches: n.args["branches"] != nil, hasTags: n.args["tags"] != nil}
	t.branches, t.tags, t.paths = b.globs(n, "branches"), b.globs(n, "tags"), b.globs(n, "paths")
	return t
}

func (b *builder) globs(n *node, name string) globs {
	got, v := b.now(n, name)
	if v == nil {
		return nil
	}
	texts, ok := b.literal.textsOf(v, got)
	var gs globs
	for i, text := range texts {
		g, err := parseGlob(text)
		if err != nil {
			b.ps.add(codeValue, v.element(i), "Invalid pattern", "In %s, %s.", v.title(), err)
			continue
		}
		gs = append(gs, g)
	}
	if ok && len(texts) == 0 {
		b.ps.add(codeValue, v.at, "Empty list", "%s matches nothing. Leave it out to match everything.", v.title())
	}
	return gs
}

// input builds one input. Its choices and default are of its type.
func (b *builder) input(p *pipeline, n *node) {
	in := &input{name: n.name, at: n.nameAt, typ: cty.String, fallback: cty.NilVal}
	in.description, _ = b.text(n, "description")
	if a := n.args["type"]; a != nil {
		types := map[string]cty.Type{"string": cty.String, "number": cty.Number, "bool": cty.Bool}
		t, ok := types[hcl.ExprAsKeyword(a.expr)]
		if !ok {
			b.ps.add(codeValue, a.exprAt, "Unknown type", "An input is a string, a number or a bool: write type = string, without quotes.")
			return
		}
		in.typ = t
	}
	b.choices(in, n)
	if got, v := b.now(n, "default"); v != nil {
		in.fallback = got
		b.checkDefault(in, got, v)
	} else if p.push != nil && n.args["default"] == nil {
		b.ps.add(codeMissingInput, in.at, "Default needed",
			"A push starts %s as well, and gives no inputs. Write a default for %s.", p.title(), n.title())
	}
	p.inputs = append(p.inputs, in)
	b.inputs[in.name] = in
}

func (b *builder) choices(in *input, n *node) {
	got, v := b.now(n, "choices")
	if v == nil {
		return
	}
	if !got.CanIterateElements() || got.Type().IsObjectType() || got.Type().IsMapType() || got.LengthInt() == 0 {
		b.ps.add(codeType, v.at, "Wrong type", "%s must be a list of at least one %s.", v.title(), typeName(in.typ))
		return
	}
	for i, c := range got.AsValueSlice() {
		if c.Type() != in.typ || c.IsNull() {
			b.ps.add(codeType, v.element(i), "Wrong type", "The choices of input %q must each be a %s, as it is.", in.name, typeName(in.typ))
			return
		}
		in.choices = append(in.choices, c)
	}
}

func (b *builder) checkDefault(in *input, got cty.Value, v *value) {
	if got.IsNull() || got.Type() != in.typ {
		b.ps.add(codeType, v.at, "Wrong type", "Input %q is a %s, but its default is %s.", in.name, typeName(in.typ), valueName(got))
		in.fallback = cty.UnknownVal(in.typ)
		return
	}
	if problem := in.refuses(got); problem != "" {
		b.ps.add(codeValue, v.at, "Not a choice", "The default of input %q is not among its choices.", in.name)
	}
}
