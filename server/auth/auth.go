package auth

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// Auth holds who may come in.
type Auth struct {
	// Admin opens everything but the agents' endpoints; Agent opens those alone.
	Admin, Agent Token
	// HTTPS says that people reach the server by https even where a request does not look so, because a proxy ends TLS in
	// front of it. Set it before anything is served.
	HTTPS bool

	codes    *codes
	sessions *sessions
	cookie   string // name of the session's cookie
}

// Open reads admin.token, agent.token and sessions.json in the folder, and makes the tokens at first start.
func Open(dir string, now func() time.Time, log *slog.Logger) (*Auth, error) {
	admin, err := openToken(filepath.Join(dir, "admin.token"), log)
	if err != nil {
		return nil, err
	}
	agent, err := openToken(filepath.Join(dir, "agent.token"), log)
	if err != nil {
		return nil, err
	}
	s, err := openSessions(filepath.Join(dir, "sessions.json"), now)
	if err != nil {
		return nil, err
	}
	return &Auth{
		Admin:    admin,
		Agent:    agent,
		codes:    &codes{now: now, until: map[string]time.Time{}},
		sessions: s,
		// Browsers share cookies between all ports of a host. Two servers on one machine must not sign each other's people out.
		cookie: fmt.Sprintf("tutti_%.8x", admin.hash()),
	}, nil
}

// NewCode makes the code of a one-use sign-in link, and says until when it works.
func (a *Auth) NewCode() (code string, until time.Time) {
	c, until := a.codes.add()
	return string(c), until
}

// Move moves the ends of sessions and codes along, because the clock was set by that much.
func (a *Auth) Move(by time.Duration) error {
	a.codes.move(by)
	return a.sessions.move(by)
}

// SignIn uses up a code and starts a session in the browser. It answers Unauthorized if the code was used before, is too
// old, or never was.
func (a *Auth) SignIn(w http.ResponseWriter, r *http.Request, code string) error {
	if !a.codes.redeem(Token(code)) {
		return server.Errorf(server.Unauthorized, "this sign-in link was used already or is too old: make another with `tutti login-link`")
	}
	id, err := a.sessions.add()
	if err != nil {
		return err
	}
	a.setCookie(w, r, string(id), int(SessionLife.Seconds()))
	return nil
}

// SignOut ends the session of the browser.
func (a *Auth) SignOut(w http.ResponseWriter, r *http.Request) error {
	if c, err := r.Cookie(a.cookie); err == nil {
		if err := a.sessions.end(Token(c.Value)); err != nil {
			return err
		}
	}
	a.setCookie(w, r, "", -1)
	return nil
}

func (a *Auth) setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name:     a.cookie,
		Value:    value,
		Path:     "/",
		MaxAge:   maxAge,
		HttpOnly: true,
		Secure:   a.isHTTPS(r),
		SameSite: http.SameSiteLaxMode,
	})
}

// isHTTPS says whether the client speaks TLS, with us or with a proxy.
func (a *Auth) isHTTPS(r *http.Request) bool { return a.HTTPS || r.TLS != nil }

// signedIn says whether the request comes from a browser with a session.
func (a *Auth) signedIn(r *http.Request) bool {
	c, err := r.Cookie(a.cookie)
	return err == nil && a.sessions.valid(Token(c.Value))
}
