package api

import (
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

func (a *API) listProjects(w http.ResponseWriter, r *http.Request) error {
	projects, err := a.Projects.Projects(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string][]server.Project{"projects": orEmpty(projects)})
}

func (a *API) createProject(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	p := server.Project{Name: body.Name, URL: body.URL}
	if err := p.Validate(); err != nil {
		return err
	}
	if err := a.Projects.CreateProject(r.Context(), p); err != nil {
		return err
	}
	p, err := a.Projects.Project(r.Context(), p.Name)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/v1/projects/"+p.Name)
	writeStatusJSON(w, http.StatusCreated, p)
	return nil
}

func (a *API) getProject(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Projects.Project(r.Context(), r.PathValue("project"))
	if err != nil {
		return err
	}
	return writeJSON(w, p)
}

func (a *API) push(w http.ResponseWriter, r *http.Request) error {
	if err := readJSON(w, r, &struct{}{}); err != nil {
		return err
	}
	p, err := a.Projects.Project(r.Context(), r.PathValue("project"))
	if err != nil {
		return err
	}
	runs, err := a.Starter.Push(r.Context(), p.Name)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string][]server.Run{"runs": orEmpty(runs)})
}

// orEmpty makes sure that a list without members is written as [], not as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
