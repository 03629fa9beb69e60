package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// maxForm and formTime bound the body of a form: anybody may send one to sign in.
const (
	maxForm  = 16 << 10
	formTime = 10 * time.Second
)

// loginView is the page that signs a person in.
type loginView struct{ Code, Next string }

// showLogin shows a button. The link itself signs nobody in: programs that look at links before people do, such as those
// of chats, would use it up.
func (s *Site) showLogin(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	view := loginView{Code: q.Get("code"), Next: localPath(q.Get("next"))}
	return s.show(w, r, "login", frame{Title: "Sign in", View: view})
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(formTime)); err != nil {
		return fmt.Errorf("bounding the time for a form: %w", err)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return server.Errorf(server.Invalid, "this form could not be read: %w", err)
	}
	if err := s.Door.SignIn(w, r, codeOf(r.PostForm.Get("code"))); err != nil {
		return err
	}
	http.Redirect(w, r, localPath(r.PostForm.Get("next")), http.StatusSeeOther)
	return nil
}

// codeOf takes a code, or the whole link that holds one.
func codeOf(text string) string {
	text = strings.TrimSpace(text)
	if u, err := url.Parse(text); err == nil && u.Query().Has("code") {
		return u.Query().Get("code")
	}
	return text
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.Door.SignOut(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// localPath answers next if it is a path on this server, and else the first page: nobody may use us to send people
// elsewhere.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.ContainsAny(next, "\\\t\r\n") {
		return "/"
	}
	return u.RequestURI()
}
