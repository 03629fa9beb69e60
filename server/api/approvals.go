package api

import (
	"context"
	"net/http"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/server"
)

// Approvals takes people's answers. Errors are of kind NotFound where the run has no such approval, and Conflict where it
// does not wait for an answer.
type Approvals interface {
	Decide(ctx context.Context, run server.RunID, job string, d server.Decision) error
}

// maxComment bounds the comment of a decision, in characters.
const maxComment = 1000

func (a *API) approve(w http.ResponseWriter, r *http.Request) error { return a.decide(w, r, true) }
func (a *API) reject(w http.ResponseWriter, r *http.Request) error  { return a.decide(w, r, false) }

// decide takes the answer of whoever asks. Nobody can answer in another one's name.
func (a *API) decide(w http.ResponseWriter, r *http.Request, approve bool) error {
	id, err := runID(r)
	if err != nil {
		return err
	}
	var body struct {
		Comment string `json:"comment"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(body.Comment); n > maxComment {
		return server.Errorf(server.Invalid, "the comment has %d characters; at most %d are allowed", n, maxComment)
	}
	d := server.Decision{Approve: approve, By: string(server.ActorOf(r.Context())), Comment: body.Comment}
	if err := a.Approvals.Decide(r.Context(), id, r.PathValue("job"), d); err != nil {
		return err
	}
	return a.answerRun(w, r, id)
}
