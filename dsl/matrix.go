package dsl

import (
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// An axis is one of the dimensions of a matrix.
type axis struct {
	name   string
	typ    cty.Type
	values []cty.Value
	known  bool
}

// axes evaluates the axes of a job's matrix, in the order of writing. They are none if something is wrong with them.
func (e *evaluator) axes(j *job) []axis {
	m := j.matrix
	if m.axes == nil {
		return nil
	}
	got, ok := e.eval(m.axes)
	got, shown := e.bare(m.axes, got)
	t := got.Type()
	switch {
	case !ok && !t.IsObjectType() || !shown || t == cty.DynamicPseudoType && !got.IsNull():
		return nil
	case got.IsNull() || !t.IsObjectType() && !t.IsMapType():
		e.mismatch(m.axes, m.axes.at, codeType, "%s must be an object of lists, but this is %s.", m.axes.title(), valueName(got))
		return nil
	case t.IsMapType() || !got.IsKnown():
		return nil
	}
	names := m.names
	if !m.hasNames {
		names = slices.Sorted(maps.Keys(t.AttributeTypes()))
	}
	if len(names) == 0 {
		e.ps.add(codeValue, m.axes.at, "No axes", "A matrix needs at least one axis: axes = { go = [\"1.25\", \"1.26\"] }.")
	}
	var list []axis
	for _, name := range names {
		if !validName.MatchString(name) || len(name) > maxNameLength {
			e.ps.add(codeName, m.axes.key(name), "Invalid name", "The name of an axis has lower-case letters, digits, \"-\" and \"_\", starts with a letter, and has at most %d characters.", maxNameLength)
			continue
		}
		if t.HasAttribute(name) {
			list = append(list, e.axis(m, name, got.GetAttr(name)))
		}
	}
	return list
}

func (e *evaluator) axis(m *matrix, name string, v cty.Value) axis {
	made := axis{name: name, typ: cty.DynamicPseudoType}
	t := v.Type()
	switch {
	case t == cty.DynamicPseudoType && !v.IsNull():
		return made
	case v.IsNull() || !t.IsTupleType() && !t.IsListType() && !t.IsSetType():
		e.mismatch(m.axes, m.axes.item(name), codeType, "Axis %q must be a list, but this is %s.", name, valueName(v))
		return made
	case !v.IsKnown():
		if !t.IsTupleType() {
			made.typ = t.ElementType()
		}
		return made
	}
	made.values, made.known = v.AsValueSlice(), v.IsWhollyKnown()
	for i, element := range made.values {
		switch {
		case element.IsNull():
			e.mismatch(m.axes, m.axes.item(name), codeType, "Element %d of axis %q is null.", i, name)
			return axis{name: name, typ: cty.DynamicPseudoType}
		case i > 0 && !element.Type().Equals(made.values[0].Type()) && element.Type() != cty.DynamicPseudoType && made.values[0].Type() != cty.DynamicPseudoType:
			hint := ""
			if element.Type() == cty.Number || made.values[0].Type() == cty.Number {
				hint = " (1.20 without quotes is the number 1.2.)"
			}
			e.ps.add(codeMixed, m.axes.item(name), "Mixed types", "The values of axis %q must all have one type: element 0 is %s, element %d %s.%s",
				name, aType(made.values[0].Type()), i, aType(element.Type()), hint)
			e.spoil(m.axes)
			return axis{name: name, typ: cty.DynamicPseudoType}
		}
		made.typ = element.Type()
	}
	return made
}

// matrix plans a job with a matrix: the node that stands for it, and its instances.
func (e *evaluator) matrix(j *job, head plan.Job) []plan.Job {
	head.Kind = plan.KindMatrix
	if head.Skip = e.skipAll(j); head.Skip != "" {
		head.Deferred = false // there is nothing left to find out
		return []plan.Job{head}
	}
	m := j.matrix
	axes := e.axes(j)
	exclude, include := e.combinations(m.exclude, axes), e.combinations(m.include, axes)
	head.MaxParallel, _ = e.whole(m.maxParallel, 1, maxInstances)
	head.FailFast, _ = e.flag(m.failFast)
	combinations := e.product(j, axes, exclude, include) // without values, there may still be too many
	switch {
	case !e.known || head.Deferred:
		e.at(e.typingSpot(j), func() {
			made := e.job(j, head)
			head.Environment, head.Timeout = made.Environment, made.Timeout
		})
		return []plan.Job{head}
	case len(combinations) == 0 && !e.ps.failed():
		head.Skip = "its matrix has no combinations"
	}
	return append([]plan.Job{head}, e.instances(j, head, axes, combinations)...)
}

// skipAll says why no instance of a matrix runs.
func (e *evaluator) skipAll(j *job) string {
	if !j.when.refersTo("matrix") {
		if why := e.skip(j.when); why != "" {
			return why
		}
	}
	return e.forkSkip(j)
}

func (e *evaluator) instances(j *job, head plan.Job, axes []axis, combinations [][]cty.Value) []plan.Job {
	var jobs []plan.Job
	for i, values := range combinations {
		if e.stop || len(jobs) > maxCombinations {
			break
		}
		object := map[string]cty.Value{}
		made := plan.Job{Name: j.name + "." + itoa(i+1), Of: j.name, RunOn: j.runOn, Secrets: head.Secrets, Outputs: head.Outputs}
		for k, a := range axes {
			object[a.name] = values[k]
			data, err := toJSON(values[k])
			if err != nil {
				e.ps.add(codeInternal, j.matrix.at, "Internal error", "A value of the matrix cannot be written. Please report it.")
				return nil
			}
			made.Matrix = append(made.Matrix, plan.Value{Name: a.name, Value: data})
		}
		e.at(spot{job: j, input: e.spot.input, matrix: cty.ObjectVal(object)}, func() { jobs = append(jobs, e.job(j, made)) })
	}
	return jobs
}

// product makes all combinations of the axes, without the excluded ones and with the included ones.
func (e *evaluator) product(j *job, axes []axis, exclude, include []map[string]cty.Value) [][]cty.Value {
	total := min(1, len(axes))
	for _, a := range axes {
		if !a.known {
			return nil
		}
		if total *= len(a.values); total > maxCombinations {
			break
		}
	}
	if total+len(include) > maxCombinations {
		e.ps.add(codeTooMany, j.matrix.at, "Too many combinations", "A matrix has at most %d combinations.", maxCombinations)
		return nil
	}
	var list [][]cty.Value
	if total > 0 {
		list = [][]cty.Value{nil}
	}
	for _, a := range axes {
		var longer [][]cty.Value
		for _, head := range list {
			for _, v := range a.values {
				longer = append(longer, append(slices.Clip(head), v))
			}
		}
		list = longer
	}
	list = slices.DeleteFunc(list, func(values []cty.Value) bool {
		return slices.ContainsFunc(exclude, func(out map[string]cty.Value) bool { return same(axes, values, out) })
	})
	return included(list, axes, include)
}

// included adds the combinations that are not there yet.
func included(list [][]cty.Value, axes []axis, include []map[string]cty.Value) [][]cty.Value {
	for _, in := range include {
		if slices.ContainsFunc(list, func(values []cty.Value) bool { return same(axes, values, in) }) {
			continue
		}
		var values []cty.Value
		for _, a := range axes {
			values = append(values, in[a.name])
		}
		list = append(list, values)
	}
	return list
}

func same(axes []axis, values []cty.Value, as map[string]cty.Value) bool {
	for i, a := range axes {
		if !values[i].RawEquals(as[a.name]) {
			return false
		}
	}
	return true
}

// combinations evaluates exclude or include: each entry has exactly the names and types of the axes.
func (e *evaluator) combinations(v *value, axes []axis) []map[string]cty.Value {
	if v == nil || len(axes) == 0 {
		return nil
	}
	got, ok := e.plainValue(v)
	t := got.Type()
	switch {
	case !ok || t == cty.DynamicPseudoType && !got.IsNull():
		return nil
	case got.IsNull() || !t.IsTupleType() && !t.IsListType() && !t.IsSetType():
		e.mismatch(v, v.at, codeType, "%s must be a list of objects, but this is %s.", v.title(), valueName(got))
		return nil
	case !got.IsKnown():
		return nil
	}
	var list []map[string]cty.Value
	for i, entry := range got.AsValueSlice() {
		if !e.combination(v, v.element(i), entry, axes) {
			continue
		}
		list = append(list, entry.AsValueMap())
	}
	return list
}

func (e *evaluator) combination(v *value, at place, entry cty.Value, axes []axis) bool {
	t := entry.Type()
	if entry.IsNull() || !t.IsObjectType() {
		e.mismatch(v, at, codeType, "%s must be a list of objects, but this is %s.", v.title(), valueName(entry))
		return false
	}
	var names []string
	for _, a := range axes {
		names = append(names, a.name)
		switch {
		case !t.HasAttribute(a.name):
			e.ps.add(codeAttribute, at, "Axis missing", "Every entry of %s names all axes, and this one lacks %q.", v.title(), a.name)
			return false
		case a.typ != cty.DynamicPseudoType && t.AttributeType(a.name) != cty.DynamicPseudoType && !t.AttributeType(a.name).Equals(a.typ):
			e.mismatch(v, at, codeMixed, "Axis %q holds values of type %s, but here it is %s.", a.name, typeName(a.typ), aType(t.AttributeType(a.name)))
			return false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.AttributeTypes())) {
		if !slices.Contains(names, name) {
			e.ps.add(codeAttribute, at, "Unknown axis", "The matrix has no axis %q.%s", name, orText(didYouMean(name, names), " Its axes are "+join(names)+"."))
			return false
		}
	}
	return entry.IsWhollyKnown()
}
