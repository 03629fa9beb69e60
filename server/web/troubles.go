package web

import (
	"bytes"
	"fmt"
	"net/http"
)

// showTroubles answers with the part of a page that tells the server's troubles, and nothing else: open pages take it over.
func (s *Site) showTroubles(w http.ResponseWriter, _ *http.Request) error {
	var out bytes.Buffer
	if err := s.pages["error"].tmpl.ExecuteTemplate(&out, "troubles", s.Troubles.All()); err != nil {
		return fmt.Errorf("rendering troubles: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = out.WriteTo(w) // a client that is gone needs no answer
	return nil
}

// dismissTrouble takes down what is only there to be known. The script stays where it is; a browser without it goes to the first page.
func (s *Site) dismissTrouble(w http.ResponseWriter, r *http.Request) error {
	if err := s.Dismiss(r.Context(), r.PathValue("kind")); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}
