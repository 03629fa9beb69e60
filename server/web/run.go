package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// runView is the page of a run.
type runView struct {
	Run      server.Run
	Title    string
	Queued   string // from the event to the first job's start
	Ran      string // from there to the end, or to now
	Failures []failure
	Waits    []wait
	Graph    *graph // nil where there is nothing to see in it
	Jobs     []server.Job
	Outputs  []output
	Timeline *timeline
}

// A wait is something that does not go on yet, and why.
type wait struct {
	Job      string // empty for the run itself
	Shape    string
	Since    *time.Time
	For      string
	Doubt    string           // of a job that runs: its agent is not heard of
	Approval *server.Approval // that asks a person
	Answer   string           // what to type after "tutti approve" or "tutti reject"
}

// An output is a value that a job has for others.
type output struct{ Job, Name, Value string }

func (s *Site) showRun(w http.ResponseWriter, r *http.Request) error {
	run, err := s.run(r)
	if err != nil {
		return err
	}
	now := s.Now()
	view := runView{Run: run, Title: titleOf(run), Failures: s.failures(run), Waits: waitsOf(run), Graph: drawGraph(run, now), Jobs: tellingJobs(run), Outputs: outputsOf(run), Timeline: drawTimeline(run, now)}
	if run.StartedAt != nil {
		view.Queued = took(now, &run.CreatedAt, run.StartedAt)
		view.Ran = took(now, run.StartedAt, run.FinishedAt)
	}
	f := frame{Title: fmt.Sprintf("%s · %s #%d", view.Title, run.Project, run.ID), Icon: runIcon(run, view.Waits), Nav: "runs", View: view}
	if run.State != plan.Done {
		f.Live, f.Poll = fmt.Sprintf("/live?run=%d", run.ID), true
	}
	return s.show(w, r, "run", f)
}

// runIcon is the picture in the browser's tab: it says from afar that nothing happens until a person acts.
func runIcon(run server.Run, waits []wait) string {
	for _, j := range run.Jobs {
		if j.State == plan.Running {
			return shape(run.State, run.Result)
		}
	}
	if len(waits) > 0 && waits[0].Approval != nil {
		return asking
	}
	return shape(run.State, run.Result)
}

// run answers the run that the path names.
func (s *Site) run(r *http.Request) (server.Run, error) {
	id, err := parseRunID(r.PathValue("id"))
	if err != nil {
		return server.Run{}, err
	}
	return s.Runs.Run(r.Context(), id)
}

func titleOf(run server.Run) string {
	return cmp.Or(run.Event.Title, run.Pipeline, "Run of "+run.Project)
}

// waitsOf lists what the run waits for: people first, since they can do something about it, then agents that are not heard of.
// Jobs that only wait for others in the same run count where no other reason is to be had.
func waitsOf(run server.Run) []wait {
	var asked, queued, doubtful, waiting []wait
	if run.State == plan.Waiting && run.WaitsFor != "" {
		return []wait{{Shape: string(run.State), Since: &run.CreatedAt, For: run.WaitsFor}}
	}
	running := false
	for _, j := range tellingJobs(run) {
		switch {
		case asks(j):
			asked = append(asked, wait{Job: j.Name, Shape: asking, Since: j.Approval.AskedAt, Approval: j.Approval, Answer: fmt.Sprintf("%d %s", run.ID, j.Name)})
		case j.State == plan.Queued:
			queued = append(queued, wait{Job: j.Title(), Shape: string(j.State), Since: j.QueuedAt, For: cmp.Or(j.WaitsFor, "an agent")})
		case j.State == plan.Waiting && j.WaitsFor != "":
			waiting = append(waiting, wait{Job: j.Title(), Shape: string(j.State), For: j.WaitsFor})
		case j.State == plan.Running:
			running = true
			if j.WaitsFor != "" {
				doubtful = append(doubtful, wait{Job: j.Title(), Shape: string(j.State), Doubt: j.WaitsFor})
			}
		}
	}
	if len(asked) > 0 || len(queued) > 0 || running {
		return slices.Concat(asked, doubtful, queued)
	}
	return waiting
}

// tellingJobs leaves out a matrix that has instances: they say all.
func tellingJobs(run server.Run) []server.Job {
	_, instances := group(run.Jobs)
	return slices.DeleteFunc(slices.Clone(run.Jobs), func(j server.Job) bool { return len(instances[j.Name]) > 0 })
}

// longestOutput is how many characters are shown of a value.
const longestOutput = 300

// outputsOf lists what jobs put out. That of a text is the text, without its quotes.
func outputsOf(run server.Run) []output {
	var all []output
	for _, j := range run.Jobs {
		for _, name := range sortedKeys(j.Outputs) {
			value := string(j.Outputs[name])
			var text string
			if json.Unmarshal(j.Outputs[name], &text) == nil {
				value = text
			}
			all = append(all, output{j.Title(), name, shorten(value, longestOutput)})
		}
	}
	return all
}

func (s *Site) cancelRun(w http.ResponseWriter, r *http.Request) error {
	id, err := parseRunID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.Runs.Cancel(r.Context(), id, "canceled by "+string(server.ActorOf(r.Context()))); err != nil {
		return err
	}
	http.Redirect(w, r, fmt.Sprintf("/runs/%d", id), http.StatusSeeOther)
	return nil
}
