package dsl

import (
	"encoding/json"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// nodeEnd answers job.name or approval.name: how it ended, or unknown values of the same types.
func (e *evaluator) nodeEnd(name string) cty.Value {
	to := e.spot.job.in.byName[name]
	lacks := e.lack.has("job", name) || e.lack.has("approval", name)
	if !lacks {
		if got, ok := e.ends[to]; ok {
			return got
		}
	}
	e.remember(to, cty.DynamicVal) // a cycle is reported already, and must not be walked for ever
	var got cty.Value
	switch {
	case to.approval:
		got = e.approvalEnd(to, lacks)
	case to.matrix != nil:
		got = e.matrixEnd(to, lacks)
	default:
		got = e.jobEnd(to, lacks)
	}
	if lacks {
		delete(e.ends, to)
		return got
	}
	e.remember(to, got)
	return got
}

func (e *evaluator) remember(j *job, end cty.Value) {
	if e.ends == nil {
		e.ends = map[*job]cty.Value{}
	}
	e.ends[j] = end
}

func (e *evaluator) approvalEnd(j *job, lacks bool) cty.Value {
	by, at := unknownText(), unknownText()
	if e.late != nil {
		if end, ok := e.late.Approvals[j.name]; ok {
			by, at = textOrNull(end.By), textOrNull(end.At)
		}
	}
	if lacks {
		by, at = cty.NullVal(cty.String), cty.NullVal(cty.String)
	}
	return cty.ObjectVal(map[string]cty.Value{"by": by, "at": at})
}

func unknownText() cty.Value { return cty.UnknownVal(cty.String).RefineNotNull() }

func textOrNull(text string) cty.Value {
	if text == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(text)
}

func (e *evaluator) jobEnd(j *job, lacks bool) cty.Value {
	types := e.outputTypes(j)
	result, given := unknownText(), (map[string]json.RawMessage)(nil)
	if e.late != nil {
		if end, ok := e.late.Jobs[j.name]; ok {
			result, given = cty.StringVal(string(end.Result)), orEmpty(end.Outputs)
		}
	}
	return cty.ObjectVal(map[string]cty.Value{"result": result, "outputs": e.outputs(j, types, given, lacks)})
}

func orEmpty(outputs map[string]json.RawMessage) map[string]json.RawMessage {
	if outputs == nil {
		return map[string]json.RawMessage{}
	}
	return outputs
}

// outputs answers the outputs of a job, or of an instance of it. If given is nil, it has not ended.
func (e *evaluator) outputs(j *job, types map[string]cty.Type, given map[string]json.RawMessage, lacks bool) cty.Value {
	values := map[string]cty.Value{}
	for _, o := range j.outputs {
		t := types[o.name]
		v := unknownOf(t)
		if lacks || given != nil {
			v = cty.NullVal(t)
		}
		if data, ok := given[o.name]; ok {
			v = e.read(data, plainKind(t), o.at)
		}
		if o.sensitive {
			v = e.mark(v, "the sensitive output "+j.title()+".outputs."+o.name)
		}
		values[o.name] = v
	}
	return cty.ObjectVal(values)
}

// unknownOf is an unknown value that is not null.
func unknownOf(t cty.Type) cty.Value {
	if t == cty.DynamicPseudoType {
		return cty.DynamicVal
	}
	return cty.UnknownVal(t).RefineNotNull()
}

// read makes a value of what a run keeps. What does not fit was stored by another release, or is damaged.
func (e *evaluator) read(data json.RawMessage, k valueKind, at place) cty.Value {
	v, err := fromJSON(data, k)
	if err != nil {
		e.ps.add(codeLateValue, at, "Value does not fit", "What this put out is not of the type that it was planned with.")
		return cty.UnknownVal(k.Type)
	}
	return v
}

// matrixEnd answers the end of a job with a matrix: a list with one element for each instance.
func (e *evaluator) matrixEnd(j *job, lacks bool) cty.Value {
	types := e.outputTypes(j)
	axes := e.axisTypes(j)
	element := func(matrix, result, outputs cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"matrix": matrix, "result": result, "outputs": outputs})
	}
	unknown := element(unknownObject(axes), unknownText(), e.outputs(j, types, nil, lacks))
	end, ended := JobEnd{}, false
	if e.late != nil {
		end, ended = e.late.Jobs[j.name]
	}
	result := unknownText()
	var each cty.Value
	switch plain, marks := unknown.UnmarkDeep(); {
	case ended:
		result = cty.StringVal(string(end.Result))
		var list []cty.Value
		for _, instance := range end.Each {
			matrix := map[string]cty.Value{}
			for _, m := range instance.Matrix {
				matrix[m.Name] = e.read(m.Value, plainKind(axes[m.Name]), j.matrix.at)
			}
			list = append(list, element(cty.ObjectVal(matrix), cty.StringVal(string(instance.Result)), e.outputs(j, types, orEmpty(instance.Outputs), lacks)))
		}
		each = listOf(list, plain.Type())
	case lacks:
		each = listOf([]cty.Value{unknown}, plain.Type())
	default:
		each = unknownOf(cty.List(plain.Type())).WithMarks(marks)
	}
	return cty.ObjectVal(map[string]cty.Value{"result": result, "each": each})
}

// listOf is a list of values that should have one type; where they have not, types depend on values, and a tuple will do.
func listOf(values []cty.Value, t cty.Type) cty.Value {
	if len(values) == 0 {
		return cty.ListValEmpty(t)
	}
	for _, v := range values {
		if !v.Type().Equals(values[0].Type()) {
			return cty.TupleVal(values)
		}
	}
	return cty.ListVal(values)
}

func unknownObject(types map[string]cty.Type) cty.Value {
	values := map[string]cty.Value{}
	for name, t := range types {
		values[name] = unknownOf(t)
	}
	return cty.ObjectVal(values)
}

// outputTypes infers the types of a job's outputs from their expressions.
func (e *evaluator) outputTypes(j *job) map[string]cty.Type {
	types := map[string]cty.Type{}
	typing, lacking := e.typing, e.lack
	e.typing, e.lack = true, nil
	e.at(e.typingSpot(j), func() {
		for _, o := range j.outputs {
			types[o.name] = cty.DynamicPseudoType
			if o.value != nil {
				got, _ := e.eval(o.value) // what is wrong with it is reported
				got, _ = got.UnmarkDeep()
				types[o.name] = got.Type()
			}
		}
	})
	e.typing, e.lack = typing, lacking
	return types
}

// typingSpot is the place of a job that has not run, so that only types are known of it.
func (e *evaluator) typingSpot(j *job) spot {
	f := spot{job: j, input: e.spot.input}
	if j.matrix != nil {
		f.matrix = unknownObject(e.axisTypes(j))
	}
	return f
}

// axisTypes infers the types of the axes of a job's matrix.
func (e *evaluator) axisTypes(j *job) map[string]cty.Type {
	types := map[string]cty.Type{}
	typing, lacking := e.typing, e.lack
	e.typing, e.lack = true, nil
	e.at(spot{job: j, input: e.spot.input}, func() {
		for _, name := range j.matrix.names {
			types[name] = cty.DynamicPseudoType // for those that are wrong
		}
		for _, a := range e.axes(j) {
			types[a.name] = a.typ
		}
	})
	e.typing, e.lack = typing, lacking
	return types
}

// activityEnd answers activity.name of the same job.
func (e *evaluator) activityEnd(name string) cty.Value {
	j := e.spot.job
	_, a := j.activity(name)
	lacks := e.lack.has("activity", name)
	var end ActivityEnd
	ended := false
	if e.late != nil && e.late.Instance != nil && !e.typing {
		end, ended = e.late.Instance.Activities[name]
	}
	result := unknownText()
	if ended {
		result = cty.StringVal(string(end.Result))
	}
	if a.use != nil && a.use.opaque {
		return cty.ObjectVal(map[string]cty.Value{"result": result, "outputs": cty.DynamicVal})
	}
	values := map[string]cty.Value{}
	for _, o := range a.outputs() {
		v := e.unknown(o.typ)
		if lacks || ended {
			v = cty.NullVal(o.typ.Type)
		}
		if data, ok := end.Outputs[o.name]; ok {
			v = e.read(data, o.typ, o.at)
		}
		if o.sensitive {
			v = e.mark(v, "the sensitive output activity."+name+".outputs."+o.name)
		}
		values[o.name] = v
	}
	return cty.ObjectVal(map[string]cty.Value{"result": result, "outputs": cty.ObjectVal(values)})
}

// outputKinds are the outputs of a job as a plan declares them.
func (e *evaluator) outputKinds(j *job) []plan.Output {
	if len(j.outputs) == 0 || e.stop || !e.known {
		return nil
	}
	types := e.outputTypes(j)
	var list []plan.Output
	for _, o := range j.outputs {
		list = append(list, plan.Output{Name: o.name, Type: planType(types[o.name], nil), Sensitive: o.sensitive})
	}
	return list
}
