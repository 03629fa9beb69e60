package servertest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Event is the push that starts runs.
var Event = server.Event{
	Kind: "push", Ref: "refs/heads/main", Branch: "main", Commit: "4f2c9abd01e2b6f8c4b61b1b4f6c1f1e2d3c4b5a", Title: "Fix retry of shard upload", Actor: "Dana",
}

// NewJob makes a job of activities.
func NewJob(name string, needs []string, activities ...string) plan.Job {
	j := plan.Job{Name: name, Needs: needs}
	for _, a := range activities {
		j.Activities = append(j.Activities, plan.Activity{Name: a, Image: "golang:1.26", Script: "true"})
	}
	return j
}

// NewApproval makes an approval that asks the release managers.
func NewApproval(name, message string, needs []string) plan.Job {
	return plan.Job{Name: name, Kind: plan.KindApproval, Needs: needs, Approval: &plan.Approval{
		Approvers: []string{"group:release-managers"}, Message: message, Timeout: plan.Duration(48 * time.Hour),
	}}
}

// NewMatrix makes a matrix with one axis, and its instances.
func NewMatrix(name, axis string, values []string, needs []string, activities ...string) []plan.Job {
	jobs := []plan.Job{{Name: name, Kind: plan.KindMatrix, Needs: needs}}
	for i, v := range values {
		j := NewJob(fmt.Sprintf("%s.%d", name, i+1), nil, activities...)
		j.Of, j.Matrix = name, []plan.Value{{Name: axis, Value: json.RawMessage(strconv.Quote(v))}}
		jobs = append(jobs, j)
	}
	return jobs
}

// NewPlan makes a plan of jobs.
func NewPlan(jobs ...plan.Job) *plan.Plan {
	return &plan.Plan{Version: plan.Version, Pipeline: "ci", Jobs: jobs}
}
