package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// waits says of the nodes of a run what they wait for.
type waits struct {
	q    querier
	run  server.Run
	jobs map[string]*server.Job
}

// text answers what a node waits for; empty if it is for an agent, which package queue explains, or for nothing.
func (w *waits) text(ctx context.Context, j jobRow) (string, error) {
	switch j.phase {
	case waiting:
		return w.needs(j), nil
	case planning:
		return planningText, nil
	case asked:
		return approvalText(plan.Approval{Approvers: j.Approval.Approvers, Message: j.Approval.Message}), nil
	case lined:
		line, err := members(ctx, w.q, turn{w.run.Project, j.group})
		if err != nil {
			return "", err
		}
		return membersText(server.JobRef{Run: w.run.ID, Job: j.Name}, line, j.group), nil
	case offered:
		return acceptText(j.Agent), nil
	case concluding:
		return "its outputs, which are being computed", nil
	}
	return "", nil
}

// needs answers what a node waits for that has not begun in any way.
func (w *waits) needs(j jobRow) string {
	node := j.Job
	if node.Of != "" {
		if node = *w.jobs[node.Of]; node.State != plan.Waiting {
			return fmt.Sprintf("other instances of %s, because of max_parallel", node.Name)
		}
	}
	open := openNeeds(node.Needs, func(need string) bool { return w.jobs[need].State == plan.Done })
	if len(open) == 0 {
		return w.run.WaitsFor
	}
	return needsText(open)
}

// needsText says what a waiting node waits for, given those of its needs that are not done.
func needsText(open []string) string {
	if len(open) == 0 {
		return ""
	}
	return "needs " + strings.Join(open, ", ")
}

// acceptText says what an offered job waits for.
func acceptText(agent string) string { return "agent " + agent + " to accept it" }
