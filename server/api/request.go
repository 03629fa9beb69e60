package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/server"
)

// maxBody bounds what a client may send.
const maxBody = 1 << 20

// readJSON decodes the body into v. No body at all is like {}.
//
// A browser's body has to say that it is JSON: a form on another site cannot say so. A client that shows a token is no
// browser, and curl -d says to send a form whatever it sends.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &httpError{http.StatusRequestEntityTooLarge, server.Invalid, "the body is larger than 1 MiB"}
	case err != nil:
		return server.Errorf(server.Invalid, "the body could not be read: %w", err)
	case len(data) == 0:
		return nil
	case !utf8.Valid(data): // which would become other characters without a word
		return server.Errorf(server.Invalid, "the body is not UTF-8")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Header.Get("Authorization") == "" && (err != nil || kind != "application/json") {
		return &httpError{http.StatusUnsupportedMediaType, server.Invalid, "send JSON, with \"Content-Type: application/json\""}
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return invalidJSON(data, dec.InputOffset(), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return invalidJSON(data, dec.InputOffset(), errors.New("there is more after its end"))
	}
	return nil
}

// invalidJSON says what is wrong with a body, and where.
func invalidJSON(data []byte, offset int64, err error) error {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	what := strings.TrimPrefix(err.Error(), "json: ")
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &mismatch) && mismatch.Field == "":
		offset, what = mismatch.Offset, fmt.Sprintf("an object belongs here, and this is of type %s", mismatch.Value)
	case errors.As(err, &mismatch):
		offset, what = mismatch.Offset, fmt.Sprintf("%q cannot be of type %s", mismatch.Field, mismatch.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		offset, what = int64(len(data)), "it ends too early"
	}
	before := string(data[:min(max(offset, 0), int64(len(data)))])
	line := 1 + strings.Count(before, "\n")
	column := len(before) - strings.LastIndexByte(before, '\n') - 1
	return server.Errorf(server.Invalid, "the body is not the JSON that belongs here: %s (line %d, column %d)", what, line, max(column, 1))
}

// runID reads the run in the path.
func runID(r *http.Request) (server.RunID, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, server.Errorf(server.NotFound, "there is no run %q: runs are numbered from 1", r.PathValue("id"))
	}
	return server.RunID(id), nil
}

// number reads a number of the query, within bounds. It is fallback if it is not given.
func number(r *http.Request, name string, fallback, low, high int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, server.Errorf(server.Invalid, "%s=%q: give a number from %d to %d", name, text, low, high)
	}
	return n, nil
}

// flag reads a switch of the query: absent, or 1, or 0.
func flag(r *http.Request, name string) (bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, server.Errorf(server.Invalid, "%s=%q: give 1 or 0", name, text)
	}
	return on, nil
}
