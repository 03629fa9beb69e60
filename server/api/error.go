package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

// statuses is the one map from kinds to HTTP.
var statuses = map[server.Kind]int{
	server.Invalid:      http.StatusBadRequest,
	server.Unauthorized: http.StatusUnauthorized,
	server.Forbidden:    http.StatusForbidden,
	server.NotFound:     http.StatusNotFound,
	server.Conflict:     http.StatusConflict,
	server.Unavailable:  http.StatusServiceUnavailable,
	server.Internal:     http.StatusInternalServerError,
}

// Status answers the HTTP status that says what err means.
func Status(err error) int {
	var h *httpError
	if errors.As(err, &h) {
		return h.status
	}
	return statuses[server.KindOf(err)]
}

// An httpError is a mistake that only HTTP has a name for.
type httpError struct {
	status  int
	kind    server.Kind // what it is to a client that knows our kinds only
	message string
}

func (e *httpError) Error() string { return e.message }

// A problem is the body of every error.
type problem struct {
	Error struct {
		Code    server.Kind `json:"code"`
		Message string      `json:"message"`
	} `json:"error"`
}

// WriteError answers a request with an error, in JSON. What the user may not see goes to the log.
func WriteError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	var p problem
	var e *server.Error
	var h *httpError
	switch {
	case errors.As(err, &h):
		p.Error.Code, p.Error.Message = h.kind, h.message
	case errors.As(err, &e) && e.Kind != server.Internal:
		p.Error.Code, p.Error.Message = e.Kind, e.Message
	default:
		p.Error.Code, p.Error.Message = server.Internal, "something went wrong in the server; its log says what"
		log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	writeStatusJSON(w, Status(err), p)
}

// fail answers with err. A request whose context ended, and that failed over that, is one that nobody waits for any more, or whose server
// ends: that has to be said, because no answer at all would be an empty one that looks whole.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && server.KindOf(err) == server.Internal {
		err = server.Errorf(server.Unavailable, "the server is being stopped")
	}
	WriteError(w, r, a.Log, err)
}

// jsonErrors answers requests that no route of the mux takes in JSON as well, with the status that the mux chose: 404, or
// 405 with the methods that are allowed.
func jsonErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		verdict := statusOnly{header: http.Header{}}
		h.ServeHTTP(&verdict, r)
		e := &httpError{http.StatusNotFound, server.NotFound, "there is no " + r.URL.Path}
		if verdict.status == http.StatusMethodNotAllowed {
			allowed := verdict.header.Get("Allow")
			w.Header().Set("Allow", allowed)
			e = &httpError{verdict.status, server.Invalid, r.Method + " is not possible here; possible: " + allowed}
		}
		WriteError(w, r, slog.New(slog.DiscardHandler), e)
	})
}

// statusOnly keeps what a handler says in its header, and drops its body.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }

func writeJSON(w http.ResponseWriter, v any) error {
	writeStatusJSON(w, http.StatusOK, v)
	return nil
}

// writeStatusJSON answers with v. That the client is gone is no error of ours.
func writeStatusJSON(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
