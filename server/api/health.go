package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// readyTimeout is how long the store may take to say that it is there.
const readyTimeout = 2 * time.Second

func (a *API) getHealth(w http.ResponseWriter, _ *http.Request) error {
	return writeText(w, "ok\n")
}

func (a *API) getReady(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := a.Ready(ctx); err != nil {
		// Anybody may ask, so the reason goes to the log only.
		a.Log.WarnContext(r.Context(), "not ready", "err", err)
		return server.Errorf(server.Unavailable, "not ready: the server's log says why")
	}
	text := "ready\n"
	for _, each := range a.Troubles.All() { // in one word: the rest is for people who may come in
		text += "trouble: " + each.Kind
		if each.Halts {
			text += ", no new job starts"
		}
		text += "\n"
	}
	return writeText(w, text)
}

func (a *API) getMetrics(w http.ResponseWriter, r *http.Request) error {
	a.Metrics.handler().ServeHTTP(w, r)
	return nil
}

func writeText(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, text) // a client that is gone needs no answer
	return nil
}
