package lab

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A Socket is a proxy before a Docker engine that can lie.
type Socket struct {
	*Engine
	t     *T
	mu    sync.Mutex // guards rules and hung
	rules []Rule
	hung  int
}

// A Rule says what becomes of some calls.
type Rule struct {
	Method, Path string // the path is a part of it, as in "/start"; both may be empty
	Do           string // "hang": no answer; "error": one at once; "lie": an error, after the engine has done it
	Times        int    // how many calls; 0 is all
}

// Socket makes a proxy before an engine.
func (t *T) Socket(behind *Engine) *Socket {
	s := &Socket{t: t, Engine: newEngine(filepath.Join(t.Dir, "proxied.sock"))}
	listener, err := new(net.ListenConfig).Listen(t.Ctx, "unix", s.Socket())
	t.Must(err, "making a proxy before Docker")
	target := &url.URL{Scheme: "http", Host: "docker"}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", behind.Socket)
		}},
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, proxy) })}
	var done sync.WaitGroup
	done.Go(func() { _ = srv.Serve(listener) }) // it ends when it is closed
	t.Defer(func() {
		_ = srv.Close()
		done.Wait()
	})
	return s
}

// Socket is its path.
func (s *Socket) Socket() string { return s.Engine.Socket }

// Rules replaces the rules.
func (s *Socket) Rules(rules ...Rule) {
	s.t.Logf("the proxy before Docker has the rules %+v", rules)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = rules
}

// Hung is how many calls hang now.
func (s *Socket) Hung() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hung
}

// rule takes the first rule that a call falls under.
func (s *Socket) rule(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, each := range s.rules {
		if (each.Method == "" || each.Method == r.Method) && strings.Contains(r.URL.Path, each.Path) {
			if each.Times == 1 {
				s.rules = append(append([]Rule{}, s.rules[:i]...), s.rules[i+1:]...)
			} else if each.Times > 1 {
				s.rules[i].Times--
			}
			return each.Do
		}
	}
	return ""
}

func (s *Socket) serve(w http.ResponseWriter, r *http.Request, behind http.Handler) {
	do := s.rule(r)
	if do != "" {
		s.t.Logf("Docker is to %s %s: %s", r.Method, r.URL.Path, do)
	}
	switch do {
	case "hang":
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection would not be seen
		s.mu.Lock()
		s.hung++
		s.mu.Unlock()
		<-r.Context().Done()
		s.mu.Lock()
		s.hung--
		s.mu.Unlock()
		return
	case "lie":
		behind.ServeHTTP(&deaf{header: http.Header{}}, r)
	case "":
		behind.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte(`{"message":"the proxy says that it went wrong"}`)) // the caller may be gone
}

// A deaf writer takes an answer that nobody gets to read.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d *deaf) WriteHeader(int)             {}
