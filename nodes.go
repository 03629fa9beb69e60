package main

import (
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// nodes are the jobs of a run, as a view knows them.
type nodes struct {
	jobs  map[string]server.Job // by their names
	ran   map[string]bool       // jobs that an agent had
	local bool                  // the run is over with this process, which answers its approvals
}

// learn takes over how the jobs of a run are now.
func (n nodes) learn(jobs []server.Job) {
	for _, j := range jobs {
		n.jobs[j.Name] = j
	}
}

// newNodes makes nodes that know nothing yet.
func newNodes() nodes { return nodes{jobs: map[string]server.Job{}, ran: map[string]bool{}} }

// logTitle names an activity in an attempt at its job: "test/unit", "test/unit (attempt 2)".
func (n nodes) logTitle(job, activity string, attempt int) string {
	if attempt < 2 {
		return n.title(job, activity)
	}
	return fmt.Sprintf("%s (attempt %d)", n.title(job, activity), attempt)
}

// title names a job, or one of its activities, for people: "test (go 1.26)/unit".
func (n nodes) title(job, activity string) string {
	title := job
	if j, ok := n.jobs[job]; ok {
		title = j.Title()
	}
	if activity != "" {
		title += "/" + activity
	}
	return title
}

// news is what a person has to hear of a change of a job that no log tells: that it is skipped and why, that a person is
// asked, and what came of it, that it was lost and is begun anew, or that it survived something. It is empty for all else.
func (n nodes) news(ch server.Change) string {
	j := n.jobs[ch.Job]
	again := ch.State == plan.Queued && n.ran[ch.Job]
	n.ran[ch.Job] = ch.State == plan.Running || ch.Kind != "job" && n.ran[ch.Job]
	switch {
	case ch.Kind != "job":
		return ""
	case again:
		return "queued again: " + ch.Cause
	case ch.Note != "":
		return ch.Note
	case j.Kind == plan.KindApproval && ch.State == plan.Done && ch.Result != plan.Skipped:
		return answer(j)
	case j.Kind == plan.KindApproval && asks(j) && n.local:
		return question(j)
	case j.Kind == plan.KindApproval && asks(j):
		return fmt.Sprintf("%s (tutti approve %d %s, or tutti reject)", question(j), ch.Run, j.Name)
	case ch.State == plan.Done && ch.Result == plan.Skipped && j.Of == "":
		return verdict(ch.Result, ch.Cause, false)
	case ch.State == plan.Done && (ch.Result == plan.Failed || ch.Result == plan.Lost) && j.StartedAt == nil && j.Kind == plan.KindJob:
		return verdict(ch.Result, ch.Cause, false)
	}
	return ""
}

// tellingJobs leaves out what says nothing that others do not: a matrix whose instances speak for it, and the instances of
// one that was skipped as a whole.
func tellingJobs(run server.Run) []server.Job {
	instances, skipped := map[string]bool{}, map[string]bool{}
	for _, j := range run.Jobs {
		instances[j.Of] = true
		skipped[j.Name] = j.Kind == plan.KindMatrix && j.Result == plan.Skipped
	}
	var telling []server.Job
	for _, j := range run.Jobs {
		spokenFor := j.Kind == plan.KindMatrix && instances[j.Name] && !skipped[j.Name]
		if !spokenFor && !skipped[j.Of] {
			telling = append(telling, j)
		}
	}
	return telling
}
