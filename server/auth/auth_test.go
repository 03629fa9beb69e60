package auth_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/auth"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func open(t *testing.T, dir string, c *clock) *auth.Auth {
	t.Helper()
	a, err := auth.Open(dir, c.now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, newClock())
	if a.Admin == a.Agent || !strings.HasPrefix(string(a.Admin), "tutti_") || len(a.Admin) < 6+43 {
		t.Errorf("the tokens are %q and %q", a.Admin, a.Agent)
	}
	if b := open(t, dir, newClock()); b.Admin != a.Admin || b.Agent != a.Agent {
		t.Error("a second start made other tokens")
	}
	path := filepath.Join(dir, "admin.token")
	mode := func() os.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if mode() != 0o600 {
		t.Errorf("admin.token has mode %v", mode())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if _, err := auth.Open(dir, newClock().now, slog.New(slog.NewTextHandler(&said, nil))); err != nil {
		t.Fatal(err)
	}
	if mode() != 0o600 || !strings.Contains(said.String(), "open to others") {
		t.Errorf("an open token file has mode %v afterwards, and the log says %q", mode(), said.String())
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.Open(dir, newClock().now, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "holds no token") {
		t.Errorf("an empty token file gives %v", err)
	}
}

func TestTokenMatches(t *testing.T) {
	token := auth.NewToken()
	for shown, want := range map[string]bool{string(token): true, string(token) + "x": false, string(token[:20]): false, "": false} {
		if got := token.Matches(shown); got != want {
			t.Errorf("%q matches: %v, want %v", shown, got, want)
		}
	}
	if auth.Token("").Matches("") {
		t.Error("no token matches nothing")
	}
}

// signIn uses a code, and answers the cookie that came of it.
func signIn(t *testing.T, a *auth.Auth, code string) (*http.Cookie, error) {
	t.Helper()
	w := httptest.NewRecorder()
	err := a.SignIn(w, httptest.NewRequest(http.MethodPost, "/login", nil), code)
	if cookies := w.Result().Cookies(); len(cookies) > 0 {
		return cookies[0], err
	}
	return nil, err
}

func TestCodes(t *testing.T) {
	c := newClock()
	a := open(t, t.TempDir(), c)
	code, until := a.NewCode()
	if until != c.t.Add(auth.CodeLife) {
		t.Errorf("a code works until %v", until)
	}
	cookie, err := signIn(t, a, code)
	if err != nil {
		t.Fatal(err)
	}
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Secure {
		t.Errorf("the cookie is %v", cookie)
	}
	for name, code := range map[string]string{"used": code, "never made": "tutti_x", "none": ""} {
		if _, err := signIn(t, a, code); server.KindOf(err) != server.Unauthorized {
			t.Errorf("a code that was %s gives %v", name, err)
		}
	}
	late, _ := a.NewCode()
	c.t = c.t.Add(auth.CodeLife)
	if _, err := signIn(t, a, late); server.KindOf(err) != server.Unauthorized {
		t.Errorf("a code that is too old gives %v", err)
	}
}

func TestSessions(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	a := open(t, dir, c)
	code, _ := a.NewCode()
	cookie, err := signIn(t, a, code)
	if err != nil {
		t.Fatal(err)
	}
	in := func(a *auth.Auth) bool {
		return request(a, http.MethodGet, "/", func(r *http.Request) { r.AddCookie(cookie) }).Code == http.StatusOK
	}
	if !in(a) {
		t.Error("a signed-in browser is not let in")
	}
	if !in(open(t, dir, c)) {
		t.Error("a restart of the server signs people out")
	}
	kept, err := os.ReadFile(filepath.Join(dir, "sessions.json"))
	if err != nil || bytes.Contains(kept, []byte(cookie.Value)) {
		t.Errorf("the session itself is on disk (%v)", err)
	}
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	r.AddCookie(cookie)
	other, _ := a.NewCode()
	otherCookie, err := signIn(t, a, other)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SignOut(httptest.NewRecorder(), r); err != nil {
		t.Fatal(err)
	}
	if in(a) {
		t.Error("a signed-out browser is let in")
	}
	cookie = otherCookie
	if !in(a) {
		t.Error("signing out signed somebody else out")
	}
	c.t = c.t.Add(auth.SessionLife)
	if in(a) {
		t.Error("an old session is let in")
	}
}

// request sends a request through the guard; what it lets through answers 200.
func request(a *auth.Auth, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	guard := &auth.Guard{
		Auth: a,
		Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			status := map[server.Kind]int{server.Unauthorized: 401, server.Forbidden: 403, server.Invalid: 400}[server.KindOf(err)]
			http.Error(w, err.Error(), status)
		},
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Actor", string(server.ActorOf(r.Context())))
		}),
	}
	r := httptest.NewRequest(method, target, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	guard.ServeHTTP(w, r)
	return w
}

func TestGuard(t *testing.T) {
	a := open(t, t.TempDir(), newClock())
	code, _ := a.NewCode()
	cookie, err := signIn(t, a, code)
	if err != nil {
		t.Fatal(err)
	}
	bearer := func(token auth.Token) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+string(token)) }
	}
	browser := func(headers ...string) func(*http.Request) {
		return func(r *http.Request) {
			r.AddCookie(cookie)
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
		}
	}
	both := func(f, g func(*http.Request)) func(*http.Request) { return func(r *http.Request) { f(r); g(r) } }
	for name, tt := range map[string]struct {
		method, target string
		change         func(*http.Request)
		status         int
	}{
		"Health":                  {"GET", "/healthz", nil, 200},
		"SignIn":                  {"GET", "/login?code=x", nil, 200},
		"Static":                  {"GET", "/static/abc/tutti.css", nil, 200},
		"NotHealth":               {"GET", "/healthz/more", nil, 401},
		"Closed":                  {"GET", "/api/v1/runs", nil, 401},
		"ClosedMetrics":           {"GET", "/metrics", nil, 401},
		"ClosedUnknown":           {"GET", "/whatever", nil, 401},
		"Admin":                   {"GET", "/api/v1/runs", bearer(a.Admin), 200},
		"AdminWrites":             {"POST", "/api/v1/projects", bearer(a.Admin), 200},
		"WrongToken":              {"GET", "/api/v1/runs", bearer("tutti_wrong"), 401},
		"WrongTokenWithSession":   {"GET", "/api/v1/runs", both(browser(), bearer("tutti_wrong")), 401},
		"AgentAtTheAPI":           {"GET", "/api/v1/runs", bearer(a.Agent), 403},
		"AgentAtItsOwn":           {"GET", "/agent/v1/control", bearer(a.Agent), 200},
		"AdminAtTheAgents":        {"GET", "/agent/v1/control", bearer(a.Admin), 401},
		"NobodyAtTheAgents":       {"GET", "/agent/v1/control", nil, 401},
		"BrowserAtTheAgents":      {"GET", "/agent/v1/control", both(bearer(a.Agent), browser("Origin", "https://evil.example")), 403},
		"OriginAtTheAgents":       {"GET", "/agent/v1/control", both(bearer(a.Agent), func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }), 403},
		"TokenInTheURL":           {"GET", "/api/v1/runs?token=" + string(a.Admin), nil, 400},
		"TokenInTheURLAsWell":     {"GET", "/healthz?access_token=x", bearer(a.Admin), 400},
		"Browser":                 {"GET", "/runs/1", browser(), 200},
		"BrowserWrites":           {"POST", "/runs/1/cancel", browser("Sec-Fetch-Site", "same-origin"), 200},
		"BrowserWritesByOrigin":   {"POST", "/runs/1/cancel", browser("Origin", "http://example.com"), 200},
		"BrowserWritesSilently":   {"POST", "/runs/1/cancel", browser(), 403},
		"OtherSiteWrites":         {"POST", "/runs/1/cancel", browser("Sec-Fetch-Site", "cross-site"), 403},
		"OtherSiteWritesByOrigin": {"POST", "/runs/1/cancel", browser("Origin", "https://evil.example"), 403},
		"SameSiteWrites":          {"POST", "/runs/1/cancel", browser("Sec-Fetch-Site", "same-site"), 403},
		"OtherSiteSignsIn":        {"POST", "/login", browser("Sec-Fetch-Site", "cross-site"), 403},
		"ForwardedUser":           {"GET", "/runs/1", func(r *http.Request) { r.Header.Set("X-Forwarded-User", "admin") }, 401},
		"PageSendsToSignIn":       {"GET", "/runs/1?x=y", func(r *http.Request) { r.Header.Set("Accept", "text/html") }, 303},
	} {
		t.Run(name, func(t *testing.T) {
			got := request(a, tt.method, tt.target, tt.change)
			if got.Code != tt.status {
				t.Errorf("status %d, want %d: %s", got.Code, tt.status, got.Body)
			}
			if csp := got.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "require-trusted-types-for 'script'") {
				t.Errorf("the policy is %q", csp)
			}
			if strings.Contains(got.Body.String(), string(a.Admin)) {
				t.Errorf("the answer repeats the token: %s", got.Body)
			}
			if tt.status == 303 && got.Header().Get("Location") != "/login?next=%2Fruns%2F1%3Fx%3Dy" {
				t.Errorf("sent to %s", got.Header().Get("Location"))
			}
		})
	}
	if who := request(a, "GET", "/", bearer(a.Admin)).Header().Get("Actor"); who != "admin" {
		t.Errorf("the admin is %q to what is guarded", who)
	}
}

// Behind a proxy that ends TLS no request looks like https.
func TestHTTPSBehindAProxy(t *testing.T) {
	for _, https := range []bool{false, true} {
		a := open(t, t.TempDir(), newClock())
		a.HTTPS = https
		code, _ := a.NewCode()
		cookie, err := signIn(t, a, code)
		if err != nil {
			t.Fatal(err)
		}
		if cookie.Secure != https {
			t.Errorf("with HTTPS = %t the cookie is %v", https, cookie)
		}
		if got := request(a, http.MethodGet, "/healthz", nil).Header().Get("Strict-Transport-Security"); (got != "") != https {
			t.Errorf("with HTTPS = %t Strict-Transport-Security is %q", https, got)
		}
	}
}
