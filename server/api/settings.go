package api

import (
	"context"
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

// Settings is where projects keep variables and secrets. Errors are of kind NotFound where there is no such project, or
// nothing of that name to remove. No error holds a value, and neither does what Secrets answers.
type Settings interface {
	Variables(ctx context.Context, project string) ([]server.Setting, error)
	SetVariable(ctx context.Context, s server.Setting) error
	RemoveVariable(ctx context.Context, project, environment, name string) error
	Secrets(ctx context.Context, project string) ([]server.Setting, error)
	SetSecret(ctx context.Context, s server.Setting) error
	RemoveSecret(ctx context.Context, project, environment, name string) error
}

func (a *API) listVariables(w http.ResponseWriter, r *http.Request) error {
	list, err := a.settings(r, a.Settings.Variables)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string][]server.Setting{"variables": list})
}

func (a *API) listSecrets(w http.ResponseWriter, r *http.Request) error {
	list, err := a.settings(r, a.Settings.Secrets)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Value = "" // whatever the store may answer one day
	}
	return writeJSON(w, map[string][]server.Setting{"secrets": list})
}

// settings answers those of the project in the path; with ?environment= only those of that environment.
func (a *API) settings(r *http.Request, read func(context.Context, string) ([]server.Setting, error)) ([]server.Setting, error) {
	p, err := a.Projects.Project(r.Context(), r.PathValue("project"))
	if err != nil {
		return nil, err
	}
	all, err := read(r.Context(), p.Name)
	if err != nil || !r.URL.Query().Has("environment") {
		return orEmpty(all), err
	}
	list := []server.Setting{}
	for _, s := range all {
		if s.Environment == r.URL.Query().Get("environment") {
			list = append(list, s)
		}
	}
	return list, nil
}

func (a *API) setVariable(w http.ResponseWriter, r *http.Request) error {
	return a.set(w, r, server.Setting.Validate, a.Settings.SetVariable)
}

func (a *API) setSecret(w http.ResponseWriter, r *http.Request) error {
	return a.set(w, r, server.Setting.ValidateSecret, a.Settings.SetSecret)
}

// set stores what the path names with the value in the body, and answers nothing.
func (a *API) set(w http.ResponseWriter, r *http.Request, validate func(server.Setting) error, store func(context.Context, server.Setting) error) error {
	s, err := a.setting(r)
	if err != nil {
		return err
	}
	var body struct {
		Value *string `json:"value"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if body.Value == nil {
		return server.Errorf(server.Invalid, "the body has no \"value\"; send {\"value\": \"...\"}")
	}
	s.Value = *body.Value
	if err := validate(s); err != nil {
		return err
	}
	if err := store(r.Context(), s); err != nil {
		return err
	}
	return writeNothing(w)
}

func (a *API) removeVariable(w http.ResponseWriter, r *http.Request) error {
	return a.remove(w, r, a.Settings.RemoveVariable)
}

func (a *API) removeSecret(w http.ResponseWriter, r *http.Request) error {
	return a.remove(w, r, a.Settings.RemoveSecret)
}

func (a *API) remove(w http.ResponseWriter, r *http.Request, remove func(ctx context.Context, project, environment, name string) error) error {
	s, err := a.setting(r)
	if err != nil {
		return err
	}
	if err := readJSON(w, r, &struct{}{}); err != nil {
		return err
	}
	if err := remove(r.Context(), s.Project, s.Environment, s.Name); err != nil {
		return err
	}
	return writeNothing(w)
}

// setting reads which one the request is about.
func (a *API) setting(r *http.Request) (server.Setting, error) {
	p, err := a.Projects.Project(r.Context(), r.PathValue("project"))
	if err != nil {
		return server.Setting{}, err
	}
	return server.Setting{Project: p.Name, Environment: r.URL.Query().Get("environment"), Name: r.PathValue("name")}, nil
}

// writeNothing says that what was asked for is done.
func writeNothing(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
