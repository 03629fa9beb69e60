package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"

	"github.com/tutti-ci/tutti/server"
)

//go:embed templates
var templateFiles embed.FS

// A page is one template within the frame that all pages share.
type page struct{ tmpl *template.Template }

// A frame is what every page is shown in. View is the page's own.
type frame struct {
	Title    string
	Icon     string // shape of the favicon
	Nav      string // which entry of the navigation is the current one
	Theme    string // "light", "dark", or empty for the system's
	Full     bool   // the page fills the window and scrolls within
	SignedIn bool
	Version  string
	// Troubles are the server's; they are shown to who is signed in.
	Troubles []server.Trouble
	// Live is the URL of the stream of the page's news; empty if there will be none. Poll says to look every few seconds
	// as well, for what no news tells of.
	Live string
	Poll bool
	View any
}

var pageNames = []string{"runs", "run", "log", "agents", "login", "error"}

func parsePages(s *Site) (map[string]*page, error) {
	funcs := template.FuncMap{"static": s.assets.url, "scripts": s.assets.scripts}
	maps.Copy(funcs, formats(s.Now))
	shared, err := template.New("frame").Funcs(funcs).ParseFS(templateFiles, "templates/frame.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	pages := map[string]*page{}
	for _, name := range pageNames {
		t, err := shared.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("reading template of page %s: %w", name, err)
		}
		pages[name] = &page{t}
	}
	return pages, nil
}

// show answers with a page.
func (s *Site) show(w http.ResponseWriter, r *http.Request, name string, f frame) error {
	return s.showStatus(w, r, http.StatusOK, name, f)
}

func (s *Site) showStatus(w http.ResponseWriter, r *http.Request, status int, name string, f frame) error {
	f.SignedIn = server.ActorOf(r.Context()) != ""
	f.Version = s.Version
	if f.SignedIn {
		f.Troubles = s.Troubles.All()
	}
	if c, err := r.Cookie("tutti_theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		f.Theme = c.Value
	}
	if f.Icon == "" {
		f.Icon = "tutti"
	}
	var out bytes.Buffer // so that a page is shown as a whole, or an error is
	if err := s.pages[name].tmpl.ExecuteTemplate(&out, "frame.html", f); err != nil {
		return fmt.Errorf("rendering page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // a client that is gone needs no answer
	return nil
}

// showError answers with a page that says what is wrong.
func (s *Site) showError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil { // nobody waits any more, or the server ends; an empty answer would be a page without anything on it
		http.Error(w, "the server is being stopped", http.StatusServiceUnavailable)
		return
	}
	status, message := s.Status(err), "Something went wrong in the server; its log says what"
	var e *server.Error
	if errors.As(err, &e) && e.Kind != server.Internal {
		message = e.Message
	} else {
		s.Log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "err", err)
	}
	view := struct {
		Status  int
		Name    string
		Message string
	}{status, http.StatusText(status), sentence(message)}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Refresh", "5") // it comes back by itself
	}
	f := frame{Title: view.Name, Icon: "failed", View: view}
	if err := s.showStatus(w, r, status, "error", f); err != nil {
		s.Log.ErrorContext(r.Context(), "showing an error failed", "path", r.URL.Path, "err", err)
		http.Error(w, message, status)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
