package wiretest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Faults are the chances, from 0 to 1, of what happens to a message.
type Faults struct {
	Seed      uint64
	Drop      float64 // it never arrives
	Duplicate float64 // it arrives twice, the second time up to Late later
	Reorder   float64 // it arrives up to Late later, and those behind it do not wait
	Delay     float64 // it arrives up to Late later, and those behind it wait
	Corrupt   float64 // one bit of it is another
	Late      time.Duration
	// Spare, if set, answers for which messages nothing of this happens.
	Spare func(Message) bool
}

// A Message is one that passes a Mangler.
type Message struct {
	Path     string // of the request that opened the connection
	ToServer bool
	Data     []byte
}

// Counts are what a Mangler did so far.
type Counts struct{ Messages, Dropped, Duplicated, Reordered, Delayed, Corrupted int }

// A Mangler is a proxy for the websockets of agents. Other requests pass as they are.
type Mangler struct {
	URL string

	upstream *url.URL
	plain    *httputil.ReverseProxy
	server   *httptest.Server
	pumps    sync.WaitGroup

	mu     sync.Mutex // guards all below
	faults Faults
	counts Counts
	dice   *rand.Rand
	open   map[*websocket.Conn]bool
	closed bool
}

// NewMangler listens on loopback for agents of the server at upstream, as in "http://127.0.0.1:8884". The caller closes it.
func NewMangler(upstream string, faults Faults) (*Mangler, error) {
	target, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("making a mangler: %w", err)
	}
	m := &Mangler{upstream: target, plain: httputil.NewSingleHostReverseProxy(target), open: make(map[*websocket.Conn]bool)}
	m.Set(faults)
	m.server = httptest.NewServer(m)
	m.URL = m.server.URL
	return m, nil
}

// Set has other things happen from now on.
func (m *Mangler) Set(f Faults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults, m.dice = f, rand.New(rand.NewPCG(f.Seed, 0))
}

// Counts answers what was done so far.
func (m *Mangler) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// Cut breaks all connections, without a word.
func (m *Mangler) Cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ws := range m.open {
		ws.Close()
	}
}

// Close ends the proxy with its connections.
func (m *Mangler) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.Cut()
	m.pumps.Wait()
	m.server.Close()
}

// ServeHTTP implements http.Handler.
func (m *Mangler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		m.plain.ServeHTTP(w, r)
		return
	}
	target := *m.upstream
	target.Scheme = strings.Replace(target.Scheme, "http", "ws", 1)
	target.Path, target.RawQuery = r.URL.Path, r.URL.RawQuery
	dialer := websocket.Dialer{Subprotocols: websocket.Subprotocols(r), HandshakeTimeout: 10 * time.Second}
	server, resp, err := dialer.DialContext(r.Context(), target.String(), http.Header{"Authorization": r.Header["Authorization"]})
	if err != nil {
		status := http.StatusBadGateway
		if resp != nil {
			status = resp.StatusCode
		}
		http.Error(w, err.Error(), status)
		return
	}
	upgrader := websocket.Upgrader{Subprotocols: dialer.Subprotocols, CheckOrigin: func(*http.Request) bool { return true }}
	agent, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		server.Close()
		return
	}
	if !m.enter(agent, server) {
		return
	}
	defer m.leave(agent, server)
	var both sync.WaitGroup
	both.Go(func() { m.carry(r.URL.Path, true, agent, server) })
	both.Go(func() { m.carry(r.URL.Path, false, server, agent) })
	both.Wait()
}

func (m *Mangler) enter(conns ...*websocket.Conn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ws := range conns {
		if m.closed {
			ws.Close()
		}
		m.open[ws] = true
	}
	if !m.closed {
		m.pumps.Add(1)
	}
	return !m.closed
}

func (m *Mangler) leave(conns ...*websocket.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ws := range conns {
		ws.Close()
		delete(m.open, ws)
	}
	m.pumps.Done()
}
