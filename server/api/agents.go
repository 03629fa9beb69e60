package api

import (
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

func (a *API) listAgents(w http.ResponseWriter, r *http.Request) error {
	agents, err := a.Agents.Agents(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string][]server.Agent{"agents": orEmpty(agents)})
}
