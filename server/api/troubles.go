package api

import (
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

// listTroubles answers what keeps the server from doing all of its work.
func (a *API) listTroubles(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, map[string][]server.Trouble{"troubles": a.Troubles.All()})
}

// dismissTrouble takes down what is only there to be known.
func (a *API) dismissTrouble(w http.ResponseWriter, r *http.Request) error {
	kind := r.PathValue("kind")
	if a.Dismiss == nil {
		return server.Errorf(server.NotFound, "there is no trouble %q", kind)
	}
	if err := a.Dismiss(r.Context(), kind); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
