package web

import (
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

// agentsView is the page of the agents.
type agentsView struct {
	Agents  []server.Agent
	Online  int
	Working int // jobs under way
	Slots   int // jobs that the connected agents can do at once
}

func (s *Site) showAgents(w http.ResponseWriter, r *http.Request) error {
	agents, err := s.Agents.Agents(r.Context())
	if err != nil {
		return err
	}
	view := agentsView{Agents: agents}
	for _, a := range agents {
		if a.Online {
			view.Online++
			view.Slots += a.Capacity
		}
		view.Working += len(a.Jobs)
	}
	return s.show(w, r, "agents", frame{Title: "Agents", Nav: "agents", Live: "/live", Poll: true, View: view})
}
