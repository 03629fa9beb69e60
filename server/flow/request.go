package flow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// source reads what a run was planned from.
func (f *Flow) source(ctx context.Context, run server.RunID) (req dsl.Request, problem string, err error) {
	data, err := f.Store.RunSource(ctx, run)
	if server.KindOf(err) == server.NotFound && err != nil {
		return req, "what the run was planned from was not kept", nil
	}
	if err != nil {
		return req, "", err
	}
	if err := json.Unmarshal(data, &req); err != nil {
		return req, "what the run was planned from cannot be read: " + err.Error(), nil
	}
	return req, "", nil
}

// late is the question for a node itself.
func late(k server.Known) *dsl.Late {
	name := k.Job.Name
	if k.Job.Of != "" {
		name = k.Job.Of
	}
	l := &dsl.Late{Job: name, Jobs: make(map[string]dsl.JobEnd), Approvals: make(map[string]dsl.ApprovalEnd)}
	for _, j := range k.Needs {
		switch {
		case j.State != plan.Done:
		case j.Kind == plan.KindApproval:
			l.Approvals[j.Name] = approvalEnd(j.Approval)
		case j.Of != "": // its matrix comes before it
			matrix := l.Jobs[j.Of]
			matrix.Each = append(matrix.Each, dsl.InstanceEnd{Matrix: j.Matrix, Result: j.Result, Outputs: j.Outputs})
			l.Jobs[j.Of] = matrix
		default:
			l.Jobs[j.Name] = dsl.JobEnd{Result: j.Result, Outputs: j.Outputs}
		}
	}
	return l
}

func approvalEnd(a *server.Approval) dsl.ApprovalEnd {
	end := dsl.ApprovalEnd{By: a.By}
	if a.At != nil {
		end.At = a.At.UTC().Format(time.RFC3339)
	}
	return end
}

// instance is the part of the question that is about a job that runs, or has run.
func instance(k server.Known) *dsl.Instance {
	in := &dsl.Instance{Matrix: k.Job.Matrix, Activities: make(map[string]dsl.ActivityEnd)}
	for _, a := range k.Job.Activities {
		if a.State == plan.Done {
			in.Activities[a.Name] = dsl.ActivityEnd{Result: a.Result, Outputs: a.Outputs}
		}
	}
	return in
}
