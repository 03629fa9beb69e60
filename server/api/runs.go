package api

import (
	"fmt"
	"math"
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

func (a *API) startRun(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Pipeline string            `json:"pipeline"`
		Ref      string            `json:"ref"`
		Inputs   map[string]string `json:"inputs"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	p, err := a.Projects.Project(r.Context(), r.PathValue("project"))
	if err != nil {
		return err
	}
	actor := string(server.ActorOf(r.Context()))
	run, err := a.Starter.Start(r.Context(), p.Name, body.Pipeline, body.Ref, body.Inputs, actor)
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/v1/runs/%d", run.ID))
	writeStatusJSON(w, http.StatusCreated, run)
	return nil
}

func (a *API) listRuns(w http.ResponseWriter, r *http.Request) error {
	before, err := number(r, "before", 0, 1, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit", 50, 1, 500)
	if err != nil {
		return err
	}
	filter := server.RunFilter{Project: r.URL.Query().Get("project"), Before: server.RunID(before), Limit: int(limit)}
	if filter.Project != "" {
		if _, err := a.Projects.Project(r.Context(), filter.Project); err != nil {
			return err
		}
	}
	runs, err := a.Runs.Runs(r.Context(), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string][]server.Run{"runs": orEmpty(runs)})
}

func (a *API) getRun(w http.ResponseWriter, r *http.Request) error {
	id, err := runID(r)
	if err != nil {
		return err
	}
	return a.answerRun(w, r, id)
}

// answerRun answers with a run as it is now.
func (a *API) answerRun(w http.ResponseWriter, r *http.Request, id server.RunID) error {
	run, err := a.Runs.Run(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, run)
}

// cancelRun ends a run; canceled once more, it also ends what runs after a cancellation.
func (a *API) cancelRun(w http.ResponseWriter, r *http.Request) error {
	id, err := runID(r)
	if err != nil {
		return err
	}
	if err := readJSON(w, r, &struct{}{}); err != nil {
		return err
	}
	if err := a.Runs.Cancel(r.Context(), id, "canceled by "+string(server.ActorOf(r.Context()))); err != nil {
		return err
	}
	return a.answerRun(w, r, id)
}
