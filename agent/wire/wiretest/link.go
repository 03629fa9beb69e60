package wiretest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conditions are those of a network.
type Conditions struct {
	Rate    int           // bytes a second in each direction, of all connections together; 0 is no limit
	Latency time.Duration // of each direction
	Loss    float64       // the chance of each segment to be sent again, and again, as TCP does
	Idle    time.Duration // a connection of which one direction stood still for so long is cut; 0 is never
	// NoUp and NoDown hold back what goes to the server, or comes from it, while connections stay.
	NoUp, NoDown bool
}

const (
	segment = 1460     // bytes that are lost or arrive together
	queue   = 16 << 10 // bytes that wait at the narrow place at most; more wait in the buffers of who sends
	look    = 5 * time.Millisecond
)

// A Link is a TCP proxy with the conditions of a network. Connections share its rate in the order of their bytes.
type Link struct {
	Addr string // host:port to connect to

	upstream string
	listener net.Listener
	up, down lane
	serving  sync.WaitGroup
	cond     atomic.Pointer[Conditions]

	mu     sync.Mutex // guards all below
	dice   *rand.Rand
	open   map[*pair]bool
	closed bool
}

// A lane is one direction of a link.
type lane struct {
	mu   sync.Mutex
	free time.Time // when the last byte that was taken in is through
}

// clear forgets what waited at the conditions of before.
func (w *lane) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = time.Time{}
}

// NewLink listens on loopback and connects to upstream, a host:port. The caller closes it.
func NewLink(upstream string, seed uint64, c Conditions) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("making a link: %w", err)
	}
	narrow(listener.(syscall.Conn))
	l := &Link{
		Addr: listener.Addr().String(), upstream: upstream, listener: listener,
		dice: rand.New(rand.NewPCG(seed, 0)), open: make(map[*pair]bool),
	}
	l.Set(c)
	l.serving.Go(l.accept)
	return l, nil
}

// narrow makes the system take in little that was not asked for, so that it is the link that is slow. Without it the link
// only looks faster than it is.
func narrow(conn syscall.Conn) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
		})
	}
}

// Set has other conditions from now on.
func (l *Link) Set(c Conditions) {
	l.cond.Store(&c)
	l.up.clear()
	l.down.clear()
}

// Cut breaks all connections.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.open {
		p.end()
	}
}

// Close ends the link with its connections.
func (l *Link) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.listener.Close()
	l.Cut()
	l.serving.Wait()
}

func (l *Link) accept() {
	for {
		agent, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.serving.Go(func() { l.serve(agent) })
	}
}

func (l *Link) serve(agent net.Conn) {
	defer agent.Close()
	server, err := net.Dial("tcp", l.upstream)
	if err != nil {
		return
	}
	defer server.Close()
	if c := l.cond.Load(); c.Rate > 0 {
		narrow(server.(syscall.Conn))
	}
	p := newPair(agent, server)
	l.mu.Lock()
	l.open[p] = true
	if l.closed {
		p.end()
	}
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.carry(p, &l.up, agent, server, func(c *Conditions) bool { return c.NoUp }) })
	both.Go(func() { l.carry(p, &l.down, server, agent, func(c *Conditions) bool { return c.NoDown }) })
	both.Wait()
	l.mu.Lock()
	delete(l.open, p)
	l.mu.Unlock()
}

// A pair is the two connections of one through the link.
type pair struct {
	over chan struct{} // closed when they end
	end  func()
}

func newPair(agent, server net.Conn) *pair {
	p := &pair{over: make(chan struct{})}
	p.end = sync.OnceFunc(func() {
		close(p.over)
		agent.Close()
		server.Close()
	})
	return p
}

// pause waits, unless the connections end.
func (p *pair) pause(d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.over:
		return false
	}
}

// A piece is what travels together.
type piece struct {
	data []byte
	due  time.Time
}

// carry brings the bytes of one direction through until either end is gone, and ends both.
func (l *Link) carry(p *pair, way *lane, from, to net.Conn, blocked func(*Conditions) bool) {
	defer p.end()
	pieces := make(chan piece, 1024)
	var writing sync.WaitGroup
	defer writing.Wait()
	defer close(pieces)
	writing.Go(func() {
		for each := range pieces {
			if !p.pause(time.Until(each.due)) {
				continue // until nothing comes any more
			}
			if _, err := to.Write(each.data); err != nil {
				p.end()
			}
		}
	})
	var due time.Time
	for {
		data, err := l.read(from)
		if err != nil {
			return
		}
		for blocked(l.cond.Load()) {
			if !p.pause(look) {
				return
			}
		}
		at, wait := l.through(way, len(data), l.cond.Load())
		if wait > 0 && !p.pause(wait) {
			return
		}
		if at.After(due) { // what comes behind a lost segment waits for it
			due = at
		}
		select {
		case pieces <- piece{data, due}:
		case <-p.over:
			return
		}
	}
}

func (l *Link) read(from net.Conn) ([]byte, error) {
	c, size, deadline := l.cond.Load(), segment, time.Time{}
	if c.Rate == 0 && c.Loss == 0 {
		size = 64 << 10
	}
	if c.Idle > 0 {
		deadline = time.Now().Add(c.Idle)
	}
	if err := from.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	buf := make([]byte, size)
	n, err := from.Read(buf)
	return buf[:n], err
}

// through answers when bytes arrive that are sent now, and how long their sender waits until there is room for more.
func (l *Link) through(way *lane, n int, c *Conditions) (at time.Time, wait time.Duration) {
	way.mu.Lock()
	if now := time.Now(); way.free.Before(now) {
		way.free = now
	}
	if c.Rate > 0 {
		way.free = way.free.Add(time.Duration(n) * time.Second / time.Duration(c.Rate))
		wait = time.Until(way.free) - queue*time.Second/time.Duration(c.Rate)
	}
	at = way.free.Add(c.Latency)
	way.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for again := max(200*time.Millisecond, 4*c.Latency); c.Loss > 0 && l.dice.Float64() < c.Loss; again = min(2*again, 4*time.Second) {
		at = at.Add(again)
	}
	return at, wait
}
