package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/tutti-ci/tutti/server"
)

// runsPage is how many runs one page lists.
const runsPage = 50

// runsView is the page that lists runs.
type runsView struct {
	Project  string // only of this one
	Projects []server.Project
	Runs     []server.Run
	Older    string // URL of the next page; empty on the last
	Newest   string // URL of the first page; empty on the first
}

func (s *Site) showRuns(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	view := runsView{Project: q.Get("project")}
	filter := server.RunFilter{Project: view.Project, Limit: runsPage + 1}
	if text := q.Get("before"); text != "" {
		before, err := parseRunID(text)
		if err != nil {
			return err
		}
		filter.Before = before
		view.Newest = runsURL(view.Project, 0)
	}
	var err error
	if view.Projects, err = s.Projects.Projects(r.Context()); err != nil {
		return err
	}
	if err := view.check(); err != nil {
		return err
	}
	if view.Runs, err = s.Runs.Runs(r.Context(), filter); err != nil {
		return err
	}
	if len(view.Runs) > runsPage {
		view.Runs = view.Runs[:runsPage]
		view.Older = runsURL(view.Project, view.Runs[runsPage-1].ID)
	}
	f := frame{Title: "Runs", Nav: "runs", Live: "/live", View: view}
	if view.Project != "" {
		f.Title = "Runs of " + view.Project
	}
	return s.show(w, r, "runs", f)
}

// check answers NotFound if the project is none of ours.
func (v *runsView) check() error {
	if v.Project == "" {
		return nil
	}
	for _, p := range v.Projects {
		if p.Name == v.Project {
			return nil
		}
	}
	return server.Errorf(server.NotFound, "there is no project %q", v.Project)
}

func runsURL(project string, before server.RunID) string {
	q := url.Values{}
	if project != "" {
		q.Set("project", project)
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(int64(before), 10))
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}
