package dockertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"sync"
	"time"
)

// A Way is how a Proxy makes a call fail.
type Way string

const (
	Fail         Way = "error"           // Docker never hears of it
	Hang         Way = "hang"            // Docker never hears of it, and nobody answers
	ExecThenFail Way = "exec_then_error" // Docker does it, and the answer is an error
	ExecThenHang Way = "exec_then_hang"  // Docker does it, and nobody answers
	HangThenExec Way = "hang_then_exec"  // nobody answers, and Docker does it a second after it was given up
)

// Calls of the Docker API, as a Proxy names them. A Proxy also knows "any".
var calls = map[string]*regexp.Regexp{
	"create":         regexp.MustCompile(`^POST (/v[0-9.]+)?/containers/create$`),
	"start":          regexp.MustCompile(`^POST (/v[0-9.]+)?/containers/[^/]+/start$`),
	"wait":           regexp.MustCompile(`^POST (/v[0-9.]+)?/containers/[^/]+/wait$`),
	"inspect":        regexp.MustCompile(`^GET (/v[0-9.]+)?/containers/[^/]+/json$`),
	"remove":         regexp.MustCompile(`^DELETE (/v[0-9.]+)?/containers/[^/]+$`),
	"list":           regexp.MustCompile(`^GET (/v[0-9.]+)?/containers/json$`),
	"pull":           regexp.MustCompile(`^POST (/v[0-9.]+)?/images/create$`),
	"image":          regexp.MustCompile(`^GET (/v[0-9.]+)?/images/.+/json$`),
	"network_create": regexp.MustCompile(`^POST (/v[0-9.]+)?/networks/create$`),
	"network_remove": regexp.MustCompile(`^DELETE (/v[0-9.]+)?/networks/[^/]+$`),
	"volume_remove":  regexp.MustCompile(`^DELETE (/v[0-9.]+)?/volumes/[^/]+$`),
	"ping":           regexp.MustCompile(`^(GET|HEAD) (/v[0-9.]+)?/_ping$`),
	"any":            regexp.MustCompile(``),
}

// A Proxy stands in front of a Docker engine and makes calls fail.
type Proxy struct {
	server *http.Server
	served chan struct{}
	late   sync.WaitGroup // what Docker still does though it was given up

	mu     sync.Mutex // guards what follows
	faults map[string]*fault
	seen   map[string]int
}

type fault struct {
	way   Way
	times int // left; negative means for ever
	over  chan struct{}
}

// StartProxy listens at a path, and passes all on to the engine at another one. The caller closes it.
func StartProxy(path, docker string) (*Proxy, error) {
	_ = os.Remove(path) // of a proxy that was killed
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("standing in front of Docker: %w", err)
	}
	p := &Proxy{served: make(chan struct{}), faults: map[string]*fault{}, seen: map[string]int{}}
	pass := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		FlushInterval: -1,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", docker)
		}},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			panic(http.ErrAbortHandler) // as Docker itself: the connection breaks
		},
	}
	p.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, pass) })}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener) // until Close
	}()
	return p, nil
}

// Close ends the proxy and all that passes through it.
func (p *Proxy) Close() error {
	p.mu.Lock()
	for call := range p.faults {
		p.heal(call)
	}
	p.mu.Unlock()
	err := p.server.Close()
	<-p.served
	p.Settle()
	return err
}

// Settle waits until Docker has done what it does too late.
func (p *Proxy) Settle() { p.late.Wait() }

// Break makes the next calls of a kind fail, so many times; a negative number means until Heal.
func (p *Proxy) Break(call string, way Way, times int) error {
	if calls[call] == nil {
		return fmt.Errorf("the proxy knows no call %q", call)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heal(call)
	p.faults[call] = &fault{way: way, times: times, over: make(chan struct{})}
	return nil
}

// Heal lets calls of a kind pass again. Those that hang fail.
func (p *Proxy) Heal(call string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heal(call)
}

func (p *Proxy) heal(call string) {
	if f := p.faults[call]; f != nil {
		close(f.over)
		delete(p.faults, call)
	}
}

// Broken answers how many calls of a kind were made to fail.
func (p *Proxy) Broken(call string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[call]
}

// next answers the fault of a request, if it is to have one.
func (p *Proxy) next(r *http.Request) *fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for call, f := range p.faults {
		if f.times != 0 && calls[call].MatchString(r.Method+" "+r.URL.Path) {
			if f.way == HangThenExec {
				p.late.Add(1)
			}
			f.times--
			p.seen[call]++
			return f
		}
	}
	return nil
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	f := p.next(r)
	if f == nil {
		pass.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body) // or nobody notices when the client goes
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	// Docker's own answer is lost, and so may be the one who asked: it does the work all the same.
	exec := func() {
		asked := r.WithContext(context.WithoutCancel(r.Context()))
		asked.Body = io.NopCloser(bytes.NewReader(body))
		pass.ServeHTTP(&deaf{header: http.Header{}}, asked)
	}
	if f.way == ExecThenFail || f.way == ExecThenHang {
		exec()
	}
	if f.way == Hang || f.way == ExecThenHang || f.way == HangThenExec {
		select {
		case <-r.Context().Done():
		case <-f.over:
		}
	}
	if f.way == HangThenExec {
		defer p.late.Done()
		time.Sleep(time.Second)
		exec()
	}
	http.Error(w, `{"message":"the proxy made this call fail"}`, http.StatusInternalServerError)
}

// deaf is a response that nobody reads.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d *deaf) WriteHeader(int)             {}
