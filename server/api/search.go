package api

import (
	"net/http"
	"regexp"

	"github.com/tutti-ci/tutti/server"
)

// maxMatches is how many lines one answer to a search lists. The count is that of the whole log all the same.
const maxMatches = 1000

func (a *API) searchLog(w http.ResponseWriter, r *http.Request) error {
	query, err := logQuery(r)
	if err != nil {
		return err
	}
	watch, err := a.watch(r)
	if err != nil {
		return err
	}
	defer watch.stop()
	var found server.LogMatches
	if watch.id.Epoch > 0 {
		if found, err = a.Logs.Search(r.Context(), watch.id, query); err != nil {
			return err
		}
	}
	return writeJSON(w, struct {
		Total int64   `json:"total"` // lines that match, in the whole log
		Lines []int64 `json:"lines"` // numbers of the first of them, from "from" on
	}{found.Total, orEmpty(found.Lines)})
}

func logQuery(r *http.Request) (q server.LogQuery, err error) {
	q.Text = r.URL.Query().Get("q")
	if q.Text == "" || len(q.Text) > 1000 {
		return q, server.Errorf(server.Invalid, "q=: give 1 to 1000 bytes to search for")
	}
	if q.Regexp, err = flag(r, "regexp"); err != nil {
		return q, err
	}
	if q.Case, err = flag(r, "case"); err != nil {
		return q, err
	}
	if q.From, err = number(r, "from", 1, 1, 1<<62); err != nil {
		return q, err
	}
	limit, err := number(r, "limit", maxMatches, 1, maxMatches)
	if err != nil {
		return q, err
	}
	q.Limit = int(limit)
	if q.Regexp {
		if _, err := regexp.Compile(q.Text); err != nil {
			return q, server.Errorf(server.Invalid, "q=%q is not a regular expression: %w", q.Text, err)
		}
	}
	return q, nil
}
