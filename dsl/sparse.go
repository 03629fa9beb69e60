package dsl

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
)

// checkSparse evaluates a pipeline once more with all optional attributes of declared types missing: what cannot do without
// them would fail only for whoever leaves one out. Those of the elements of lists are not seen.
func (e *evaluator) checkSparse(p *pipeline) {
	sparse := *e
	sparse.sparse, sparse.looks, sparse.locals, sparse.roots = true, map[look]bool{}, nil, maps.Clone(e.roots)
	sparse.roots["input of "+p.name] = sparse.unknownInputs(p.inputs)
	sparse.plan(p)
	e.stop = e.stop || sparse.stop
}

// unknown answers an unknown value of a declared type.
func (e *evaluator) unknown(k valueKind) cty.Value {
	if !e.sparse {
		return unknownOf(k.Type)
	}
	return sparse(k.given, k.defaults)
}

func (e *evaluator) unknownInputs(inputs []*input) cty.Value {
	given := map[string]cty.Value{}
	for _, in := range inputs {
		given[in.name] = e.unknown(in.typ)
	}
	return cty.ObjectVal(given)
}

func sparse(t cty.Type, defaults *typeexpr.Defaults) cty.Value {
	if !t.IsObjectType() || !mayLack(t, defaults) {
		return unknownOf(t.WithoutOptionalAttributesDeep())
	}
	values := map[string]cty.Value{}
	for name, of := range t.AttributeTypes() {
		if lacksDefault(t, defaults, name) {
			values[name] = cty.NullVal(of.WithoutOptionalAttributesDeep())
		} else {
			values[name] = sparse(of, childDefaults(defaults, name))
		}
	}
	return cty.ObjectVal(values)
}

// mayLack says whether a type has an optional attribute that has no default.
func mayLack(t cty.Type, defaults *typeexpr.Defaults) bool {
	if !t.IsObjectType() {
		return false
	}
	for name, of := range t.AttributeTypes() {
		if lacksDefault(t, defaults, name) || mayLack(of, childDefaults(defaults, name)) {
			return true
		}
	}
	return false
}

func lacksDefault(t cty.Type, defaults *typeexpr.Defaults, name string) bool {
	if !t.AttributeOptional(name) {
		return false
	}
	if defaults == nil {
		return true
	}
	_, has := defaults.DefaultValues[name]
	return !has
}

// mayLack says whether anything that a pipeline can see is of a type with optional attributes that have no default.
func (c *Config) mayLack(p *pipeline) bool {
	var kinds []valueKind
	for _, v := range c.variableOrder {
		kinds = append(kinds, v.typ)
	}
	inputs := p.inputs
	outputs := []*activityOutput{}
	for _, d := range c.defined {
		inputs = append(inputs[:len(inputs):len(inputs)], d.inputs...)
		outputs = append(outputs, d.work.outputs...)
	}
	for _, j := range p.jobs {
		for _, a := range j.activities {
			outputs = append(outputs, a.work.outputs...)
		}
	}
	for _, in := range inputs {
		kinds = append(kinds, in.typ)
	}
	for _, o := range outputs {
		kinds = append(kinds, o.typ)
	}
	return slices.ContainsFunc(kinds, func(k valueKind) bool { return mayLack(k.given, k.defaults) })
}
