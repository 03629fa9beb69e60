package auth

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// open lists what anybody may read. Everything else is closed. A path that ends in a slash opens what is below it.
var open = [...]string{"/healthz", "/readyz", "/login", "/static/"}

const agents = "/agent/v1/"

// A Guard is the one door of the server: every request passes it first.
type Guard struct {
	Auth *Auth
	// Refuse answers a request that may not pass.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	Next   http.Handler
}

// ServeHTTP lets the request pass with its actor, or refuses it. A browser that is not signed in is sent to /login.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w, g.Auth.isHTTPS(r))
	actor, err := g.admit(r)
	switch {
	case err == nil:
		g.Next.ServeHTTP(w, r.WithContext(server.WithActor(r.Context(), actor)))
	case server.KindOf(err) == server.Unauthorized && isPage(r):
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		if server.KindOf(err) == server.Unauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		g.Refuse(w, r, err)
	}
}

func (g *Guard) admit(r *http.Request) (server.Actor, error) {
	for name := range r.URL.Query() {
		if name == "token" || name == "access_token" {
			return "", server.Errorf(server.Invalid, "a token does not belong into a URL, where logs and histories keep it: send it as \"Authorization: Bearer TOKEN\"")
		}
	}
	bearer, hasBearer := bearerOf(r)
	switch {
	case strings.HasPrefix(r.URL.Path, agents):
		return "", g.admitAgent(r, bearer)
	case isOpen(r.URL.Path):
		return "", sameOrigin(r)
	case hasBearer && g.Auth.Admin.Matches(bearer):
		return server.Admin, nil
	case hasBearer && g.Auth.Agent.Matches(bearer):
		return "", server.Errorf(server.Forbidden, "the agents' token opens %s only: use the one in admin.token", agents)
	case hasBearer:
		return "", server.Errorf(server.Unauthorized, "this token is not the server's: the right one is in admin.token in the server's data folder")
	case g.Auth.signedIn(r):
		return server.Admin, sameOrigin(r)
	}
	return "", server.Errorf(server.Unauthorized, "send the token in admin.token as \"Authorization: Bearer TOKEN\", or sign in with a link from `tutti login-link`")
}

// admitAgent lets agents in. A browser has no business here, whatever it carries: it would bring the rights of its user
// along to a page of somebody else.
func (g *Guard) admitAgent(r *http.Request, bearer string) error {
	if r.Header.Get("Origin") != "" || r.Header.Get("Cookie") != "" {
		return server.Errorf(server.Forbidden, "this is for agents, not for browsers")
	}
	if !g.Auth.Agent.Matches(bearer) {
		return server.Errorf(server.Unauthorized, "this is not the agents' token: it is in agent.token in the server's data folder")
	}
	return nil
}

// sameOrigin refuses writes that a page of another site makes with the rights of a signed-in user. Every browser that we
// serve says where a write comes from; one that does not is refused as well.
func sameOrigin(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	silent := r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == ""
	if err := http.NewCrossOriginProtection().Check(r); err != nil || silent {
		return server.Errorf(server.Forbidden, "this request comes from another site")
	}
	return nil
}

func isOpen(path string) bool {
	for _, p := range open {
		if path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// isPage says whether a person navigates a browser to a page.
func isPage(r *http.Request) bool {
	_, hasBearer := bearerOf(r)
	return !hasBearer && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func bearerOf(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}
