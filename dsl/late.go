package dsl

import (
	"encoding/json"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// answerLate evaluates one part of a pipeline again, with what the run found out since it was planned. Everything in it was
// checked with unknown values before, so only values can be wrong now.
func (c *Config) answerLate(req Request) Response {
	ps := &problems{}
	c.mu.Lock()
	defer c.mu.Unlock()
	res := Response{}
	e, p := c.knowing(&req, ps)
	if e != nil {
		if j := p.byName[req.Late.Job]; j == nil {
			ps.add(codeJob, p.at, "Unknown job", "There is no job %q in %s.", req.Late.Job, p.title())
		} else {
			e.late, e.reveal = req.Late, req.Late.Instance != nil
			e.answer(&res, j)
		}
	}
	if ps.failed() {
		res = Response{}
	}
	res.Problems = ps.list()
	return res
}

// answer fills in the part of the response that is asked for.
func (e *evaluator) answer(res *Response, j *job) {
	if e.late.Instance == nil {
		res.Jobs = e.node(j)
		for i := range res.Jobs {
			for _, l := range res.Jobs[i].Late {
				if l.Phase != agent.String() {
					e.ps.add(codeLateValue, j.at, "Value not known", "%s is still not known, though it should be now.", l.Where)
				}
			}
		}
		size := sizer{ps: e.ps, pipeline: j.in}
		size.add(j, res.Jobs)
		return
	}
	e.at(e.instanceSpot(j), func() {
		if e.late.Instance.Activity == "" {
			res.Outputs = e.lateOutputs(j)
			return
		}
		_, a := j.activity(e.late.Instance.Activity)
		if a == nil {
			e.ps.add(codeReference, j.at, "Unknown activity", "There is no activity %q in %s.", e.late.Instance.Activity, j.title())
			return
		}
		image, env := "", map[string]string(nil)
		if a.use == nil {
			if a.work.image == nil {
				image = e.image(j.image)
			}
			env = e.env(j.env)
		}
		made := e.activity(a, image, env)
		made.Late = false
		res.Activity, res.Masks = &made, e.maskList()
		for _, u := range e.unresolved {
			e.ps.add(codeLateValue, u.v.at, "Value not known", "%s is still not known, though it should be now.", u.v.title())
		}
	})
}

// instanceSpot is the place of a job that runs.
func (e *evaluator) instanceSpot(j *job) spot {
	f := e.spotOf(j.in, j)
	if j.matrix != nil {
		values, types := map[string]cty.Value{}, e.axisTypes(j)
		for _, m := range e.late.Instance.Matrix {
			t, ok := types[m.Name]
			if !ok {
				t = cty.DynamicPseudoType
			}
			values[m.Name] = e.read(m.Value, plainKind(t), j.matrix.at)
		}
		f.matrix = cty.ObjectVal(values)
	}
	e.at(f, func() { f.environment, _ = e.text(j.environment) })
	return f
}

// maskList answers all texts that the log of an activity must not show.
func (e *evaluator) maskList() []string {
	var list []string
	for _, texts := range e.masks {
		for _, text := range texts {
			if text != "" {
				list = append(list, text)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// lateOutputs answers what a job puts out, now that it has ended. Where an activity did not pass, what refers to it may be
// missing; the job's readers were made to reckon with that.
func (e *evaluator) lateOutputs(j *job) map[string]json.RawMessage {
	outputs := map[string]json.RawMessage{}
	types := e.outputTypes(j)
	for _, o := range j.outputs {
		if o.value == nil {
			continue
		}
		if e.refersToFailed(o.value) {
			quiet := *e
			quiet.ps, quiet.bad = &problems{}, nil
			if data := quiet.lateOutput(o, types[o.name]); data != nil && !quiet.ps.failed() {
				outputs[o.name] = data
			}
			continue
		}
		if data := e.lateOutput(o, types[o.name]); data != nil {
			outputs[o.name] = data
		}
	}
	return outputs
}

// refersToFailed says whether a value needs what an activity should have put out that did not pass.
func (e *evaluator) refersToFailed(v *value) bool {
	for _, r := range v.refs {
		if r.root != "activity" {
			continue
		}
		if end, ok := e.late.Instance.Activities[r.name]; !ok || end.Result != plan.Passed {
			return true
		}
	}
	return false
}

func (e *evaluator) lateOutput(o *jobOutput, t cty.Type) json.RawMessage {
	got, ok := e.eval(o.value)
	if !ok {
		return nil
	}
	got, _ = got.UnmarkDeep()
	if got.IsNull() || !got.IsWhollyKnown() {
		e.ps.add(codeLateValue, o.value.at, "No value", "%s has no value.", o.value.title())
		return nil
	}
	if t != cty.DynamicPseudoType {
		fitted, err := plainKind(t).take(got)
		if err != nil {
			e.ps.add(codeLateValue, o.value.at, "Value does not fit", "%s is not of the type that it was planned with.", o.value.title())
			return nil
		}
		got = fitted
	}
	data, err := toJSON(got)
	const longest = 64 << 10
	if err != nil || len(data) > longest {
		e.ps.add(codeStringSize, o.value.at, "Output too large", "An output has at most %d KiB.", longest>>10)
		return nil
	}
	return data
}
