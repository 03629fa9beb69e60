package api

import (
	_ "embed"
	"net/http"
)

// openAPI describes the API to programs, by hand.
//
//go:embed openapi.json
var openAPI []byte

func (a *API) getOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // a client that is gone needs no answer
	return nil
}
