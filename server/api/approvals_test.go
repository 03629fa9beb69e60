package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest"
)

func TestApprovals(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(
		servertest.NewApproval("release", "Release 1.2?", nil), servertest.NewApproval("rollout", "Everywhere?", []string{"ship"}),
		servertest.NewJob("ship", []string{"release"}, "roll-out"), servertest.NewApproval("no", "", nil))
	path := fmt.Sprintf("/api/v1/runs/%d/jobs/", run.ID)

	asked := decode[server.Run](t, do(t, s, "GET", fmt.Sprintf("/api/v1/runs/%d", run.ID), "")).Jobs[0]
	if asked.Kind != plan.KindApproval || asked.Approval == nil || asked.Approval.Message != "Release 1.2?" || asked.Approval.AskedAt == nil {
		t.Errorf("an approval that waits is %+v %+v", asked, asked.Approval)
	}
	for _, tt := range []struct {
		what, body string
		status     int
		says       string
	}{
		{"nothing/approve", "", 404, "nothing"},
		{"ship/approve", "", 404, "no approval"},
		{"rollout/approve", "", 409, "rollout"},
		{"release/approve", `{"comment": 5}`, 400, "comment"},
		{"release/approve", `{"by": "Dana"}`, 400, "by"},
		{"release/approve", `{"comment": "` + strings.Repeat("x", 1001) + `"}`, 400, "at most 1000"},
		{"release/approve", `{"comment": "looks good"}`, 200, "looks good"},
		{"release/reject", "", 409, "release"},
		{"no/reject", `{"comment": "not today"}`, 200, "not today"},
	} {
		if got := do(t, s, "POST", path+tt.what, tt.body); got.status != tt.status || !strings.Contains(got.body, tt.says) {
			t.Errorf("%s %s answers %d %s; want %d and %q", tt.what, tt.body, got.status, got.body, tt.status, tt.says)
		}
	}
	jobs := map[string]server.Job{}
	for _, j := range decode[server.Run](t, do(t, s, "GET", fmt.Sprintf("/api/v1/runs/%d", run.ID), "")).Jobs {
		jobs[j.Name] = j
	}
	if j := jobs["release"]; j.Result != plan.Passed || j.Approval.By != "admin" || j.Approval.At == nil || j.Approval.Comment != "looks good" {
		t.Errorf("what was approved is %s %+v", j.Result, j.Approval)
	}
	if j := jobs["ship"]; j.State != plan.Queued {
		t.Errorf("what needs the approval is %s", j.State)
	}
	if j := jobs["no"]; j.Result != plan.Failed || j.Cause != "rejected by admin: not today" {
		t.Errorf("what was rejected is %s, %q", j.Result, j.Cause)
	}
}
