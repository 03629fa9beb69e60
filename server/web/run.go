package web

import (
	"cmp"
	"fmt"
	"net/http"
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
	Timeline *timeline
}

// A wait is a job that does not run yet, and why.
type wait struct {
	Job   string
	State plan.State
	Since *time.Time
	For   string
}

func (s *Site) showRun(w http.ResponseWriter, r *http.Request) error {
	run, err := s.run(r)
	if err != nil {
		return err
	}
	now := s.Now()
	view := runView{Run: run, Title: titleOf(run), Waits: waitsOf(run), Graph: drawGraph(run, now), Timeline: drawTimeline(run, now)}
	if run.StartedAt != nil {
		view.Queued = took(now, &run.CreatedAt, run.StartedAt)
		view.Ran = took(now, run.StartedAt, run.FinishedAt)
	}
	if view.Failures, err = s.failures(run); err != nil {
		return err
	}
	f := frame{Title: fmt.Sprintf("%s · %s #%d", view.Title, run.Project, run.ID), Icon: shape(run.State, run.Result), Nav: "runs", View: view}
	if run.State != plan.Done {
		f.Live, f.Poll = fmt.Sprintf("/live?run=%d", run.ID), true
	}
	return s.show(w, r, "run", f)
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

// waitsOf lists what the run waits for. Jobs that only wait for others in the same run count where no other reason is to
// be had.
func waitsOf(run server.Run) []wait {
	var queued, waiting []wait
	running := false
	for _, j := range run.Jobs {
		switch j.State {
		case plan.Queued:
			queued = append(queued, wait{j.Name, j.State, j.QueuedAt, cmp.Or(j.WaitsFor, "an agent")})
		case plan.Waiting:
			waiting = append(waiting, wait{j.Name, j.State, nil, j.WaitsFor})
		case plan.Running:
			running = true
		}
	}
	if len(queued) > 0 || running {
		return queued
	}
	return waiting
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
