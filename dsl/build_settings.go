package dsl

import (
	"github.com/zclconf/go-cty/cty"
)

func (b *builder) variables(blocks []*node) {
	for _, n := range b.limited(blocks, maxVariables, "a project") {
		v := &variable{name: n.name, at: n.nameAt, fallback: cty.NilVal, typ: plainKind(cty.DynamicPseudoType)}
		b.config.variables[n.name] = v
		b.config.variableOrder = append(b.config.variableOrder, v)
		b.text(n, "description")
		a := n.args["type"]
		if a == nil {
			continue // visit reports it
		}
		typ, ok := parseType(b.ps, a)
		if !ok {
			continue
		}
		v.typ = typ
		v.fallback = b.fallback(n, typ)
		v.checks = b.checks(n, "var."+n.name)
	}
}

// fallback evaluates the default of a variable or an input; NilVal if there is none.
func (b *builder) fallback(n *node, typ valueKind) cty.Value {
	got, v := b.now(n, "default")
	if v == nil {
		if n.args["default"] != nil {
			return cty.UnknownVal(typ.Type) // what is wrong with it is reported
		}
		return cty.NilVal
	}
	taken, ok := b.literal.taken(v, got, typ)
	if !ok {
		return cty.UnknownVal(typ.Type)
	}
	return taken
}

func (b *builder) checks(n *node, self string) []*check {
	var list []*check
	for _, c := range n.all("check") {
		s := *b.scope
		s.only = self
		b.in(&s, func() {
			made := &check{condition: b.bindAs("a check of "+n.title(), c.args["condition"])}
			made.message, _ = b.text(c, "message")
			if made.condition != nil {
				list = append(list, made)
			}
		})
	}
	return list
}

func (b *builder) secrets(blocks []*node) {
	for _, n := range b.limited(blocks, maxVariables, "a project") {
		b.text(n, "description")
		b.config.secrets[n.name] = &secret{name: n.name, at: n.nameAt, optional: b.flag(n, "optional", false)}
	}
}

func (b *builder) registries(blocks []*node) {
	for _, n := range blocks {
		b.in(&scope{where: n.title(), activities: -1}, func() {
			b.config.registries = append(b.config.registries,
				&registry{host: n.name, username: b.bind(n, "username"), password: b.bind(n, "password")})
		})
	}
}

// inputs builds those of a pipeline.
func (b *builder) inputs(p *pipeline, blocks []*node) {
	for _, n := range b.limited(blocks, maxInputs, "a pipeline") {
		in := &input{name: n.name, at: n.nameAt, typ: plainKind(cty.String), fallback: cty.NilVal}
		p.inputs = append(p.inputs, in)
		in.description, _ = b.text(n, "description")
		if a := n.args["type"]; a != nil {
			typ, ok := parseType(b.ps, a)
			if !ok {
				in.typ, in.fallback = plainKind(cty.DynamicPseudoType), cty.DynamicVal
				continue
			}
			in.typ = typ
		}
		b.choices(in, n)
		in.fallback = b.fallback(n, in.typ)
		if by := p.on.automatic(); in.fallback == cty.NilVal && by != "" {
			b.ps.add(codeMissingInput, in.at, "Default needed",
				"%s starts %s as well, and gives no inputs. Write a default for %s.", capital(by), p.title(), n.title())
		} else if in.fallback != cty.NilVal && in.fallback.IsWhollyKnown() && in.refuses(in.fallback) != "" {
			b.ps.add(codeValue, n.args["default"].exprAt, "Not a choice", "The default of input %q is not among its choices.", in.name)
		}
		in.checks = b.checks(n, "input."+n.name)
	}
}

func (b *builder) choices(in *input, n *node) {
	got, v := b.now(n, "choices")
	if v == nil {
		return
	}
	if !got.CanIterateElements() || got.Type().IsObjectType() || got.Type().IsMapType() || got.LengthInt() == 0 {
		b.ps.add(codeType, v.at, "Wrong type", "%s must be a list of at least one %s.", v.title(), typeName(in.typ.Type))
		return
	}
	for i, c := range got.AsValueSlice() {
		if c.Type() != in.typ.Type || c.IsNull() {
			b.ps.add(codeType, v.element(i), "Wrong type", "The choices of input %q must each be a %s, as it is.", in.name, typeName(in.typ.Type))
			return
		}
		in.choices = append(in.choices, c)
	}
}

// definitions builds activities for use by others: declared first, since nothing in them depends on the order.
func (b *builder) definitions(blocks []*node, prefix, library string) {
	for _, n := range blocks {
		d := &definition{name: prefix + n.name, at: n.nameAt, library: library}
		b.config.definitions[d.name] = d
		b.config.defined = append(b.config.defined, d)
		b.in(&scope{where: d.title(), definition: d, activities: -1}, func() {
			for _, in := range b.limited(n.all("input"), maxInputs, "a definition") {
				b.definitionInput(d, in)
			}
			d.work = b.work(n, true)
		})
	}
}

func (b *builder) definitionInput(d *definition, n *node) {
	in := &input{name: n.name, at: n.nameAt, typ: plainKind(cty.DynamicPseudoType), fallback: cty.NilVal}
	d.inputs = append(d.inputs, in)
	in.description, _ = b.text(n, "description")
	in.sensitive = b.flag(n, "sensitive", false)
	a := n.args["type"]
	if a == nil {
		in.fallback = cty.DynamicVal
		return
	}
	typ, ok := parseType(b.ps, a)
	if !ok {
		in.fallback = cty.DynamicVal
		return
	}
	in.typ = typ
	in.fallback = b.fallback(n, typ)
	in.checks = b.checks(n, "input."+n.name)
}
