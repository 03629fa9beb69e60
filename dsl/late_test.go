package dsl_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// TestPromises runs every plan of testdata/ok on paper: each job is planned anew when it is Deferred, each activity is asked for
// when it is Late, and both put out values of the types that they declare. Whatever was checked with unknown values must then
// become known, and be of the type that was promised.
func TestPromises(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("testdata", "ok"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name, isFile := strings.CutSuffix(entry.Name(), ".hcl")
		if !isFile && !entry.IsDir() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rehearse(t, readCase(t, filepath.Join("testdata", "ok", entry.Name())))
		})
	}
}

// rehearse runs all plans of a request on paper.
func rehearse(t *testing.T, req dsl.Request) {
	t.Helper()
	c := &dsl.Compiler{}
	res := c.Compile(req)
	for _, p := range res.Plans {
		one := req
		one.Pipeline, one.Facts, one.Tree, one.Contents = p.Pipeline, res.Facts, nil, nil
		r := rehearsal{t, c, one, map[string]dsl.JobEnd{}, map[string]dsl.ApprovalEnd{}}
		r.run(p)
	}
}

type rehearsal struct {
	*testing.T
	c         *dsl.Compiler
	req       dsl.Request
	jobs      map[string]dsl.JobEnd
	approvals map[string]dsl.ApprovalEnd
}

func (r *rehearsal) run(p *plan.Plan) {
	for rest := slices.Clone(p.Jobs); len(rest) > 0; {
		i := slices.IndexFunc(rest, func(j plan.Job) bool {
			return !slices.ContainsFunc(j.Needs, func(need string) bool {
				return slices.ContainsFunc(rest, func(o plan.Job) bool { return o.Name == need || o.Of == need })
			})
		})
		if i < 0 {
			r.Fatal("a cycle")
		}
		r.node(rest[i], p)
		rest = slices.Delete(rest, i, i+1)
	}
}

// node plans a node anew if it has to be, and lets it pass.
func (r *rehearsal) node(j plan.Job, p *plan.Plan) {
	if j.Of != "" {
		return // its matrix runs it
	}
	nodes := []plan.Job{j}
	if j.Deferred {
		res := r.ask(dsl.Late{Job: j.Name})
		if nodes = res.Jobs; len(nodes) == 0 || nodes[0].Deferred {
			r.Fatalf("%s is not planned: %+v", j.Name, res)
		}
	} else if j.Kind == plan.KindMatrix {
		for _, o := range p.Jobs {
			if o.Of == j.Name {
				nodes = append(nodes, o)
			}
		}
	}
	switch {
	case nodes[0].Skip != "":
		r.jobs[j.Name] = dsl.JobEnd{Result: plan.Skipped}
	case j.Kind == plan.KindApproval:
		r.approvals[j.Name] = dsl.ApprovalEnd{By: "dana", At: "2026-01-02T03:04:05Z"}
	case j.Kind == plan.KindMatrix:
		end := dsl.JobEnd{Result: plan.Passed}
		for _, instance := range nodes[1:] {
			end.Each = append(end.Each, dsl.InstanceEnd{Matrix: instance.Matrix, Result: plan.Passed, Outputs: r.job(j.Name, instance)})
		}
		r.jobs[j.Name] = end
	default:
		r.jobs[j.Name] = dsl.JobEnd{Result: plan.Passed, Outputs: r.job(j.Name, nodes[0])}
	}
}

// job runs the activities of a job, and answers its outputs.
func (r *rehearsal) job(name string, j plan.Job) map[string]json.RawMessage {
	instance := dsl.Instance{Matrix: j.Matrix, Activities: map[string]dsl.ActivityEnd{}, Secrets: map[string]string{}}
	for _, s := range j.Secrets {
		instance.Secrets[s] = "hush-" + s
	}
	for _, a := range j.Activities {
		if a.Late {
			instance.Activity = a.Name
			res := r.ask(dsl.Late{Job: name, Instance: &instance})
			if a = *res.Activity; a.Late || a.Image == "" {
				r.Fatalf("%s of %s is not resolved: %+v", a.Name, j.Name, a)
			}
			for _, s := range a.Secrets {
				if !slices.Contains(res.Masks, "hush-"+s) {
					r.Errorf("%s of %s: secret %s has no mask among %v", a.Name, j.Name, s, res.Masks)
				}
			}
		}
		end := dsl.ActivityEnd{Result: plan.Passed, Outputs: map[string]json.RawMessage{}}
		for _, o := range a.Outputs {
			end.Outputs[o.Name] = sample(o.Type)
		}
		if a.Skip != "" || a.RunOn == plan.OnFailed {
			end = dsl.ActivityEnd{Result: plan.Skipped}
		}
		instance.Activities[a.Name] = end
	}
	instance.Activity = ""
	if len(j.Outputs) == 0 {
		return nil
	}
	outputs := r.ask(dsl.Late{Job: name, Instance: &instance}).Outputs
	for _, o := range j.Outputs {
		data, ok := outputs[o.Name]
		if !ok {
			r.Errorf("output %s of %s has no value", o.Name, j.Name)
		} else if err := o.Type.Check(data); err != nil {
			r.Errorf("output %s of %s %v", o.Name, j.Name, err)
		}
	}
	return outputs
}

func (r *rehearsal) ask(late dsl.Late) dsl.Response {
	r.Helper()
	late.Jobs, late.Approvals = r.jobs, r.approvals
	r.req.Late = &late
	res := r.c.Compile(r.req)
	if res.Failed() || res.Wants != nil {
		r.Fatalf("%s: %s", late.Job, rendered(r.T, res.Problems, false))
	}
	return res
}

// sample is a value of a type.
func sample(t plan.Type) json.RawMessage {
	switch t.Kind {
	case plan.TypeString:
		return json.RawMessage(`"x1"`)
	case plan.TypeNumber:
		return json.RawMessage(`7`)
	case plan.TypeBool:
		return json.RawMessage(`true`)
	case plan.TypeList:
		return json.RawMessage(fmt.Sprintf("[%s,%[1]s]", sample(*t.Element)))
	case plan.TypeSet:
		return json.RawMessage(fmt.Sprintf("[%s]", sample(*t.Element)))
	case plan.TypeMap:
		return json.RawMessage(fmt.Sprintf(`{"k":%s}`, sample(*t.Element)))
	case plan.TypeObject:
		var parts []string
		for name, a := range t.Attributes {
			if !a.Optional {
				parts = append(parts, fmt.Sprintf("%q:%s", name, sample(a)))
			}
		}
		slices.Sort(parts)
		return json.RawMessage("{" + strings.Join(parts, ",") + "}")
	}
	return json.RawMessage(`"x1"`)
}
