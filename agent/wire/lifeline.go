package wire

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// A lifeline is a connection that lasts as long as something moves on it: a read waits for IdleTimeout for the next byte, and
// a write for WriteTimeout each time that the other end took some. A message may so take minutes on a slow link, while a dead
// link is noticed as soon as on a fast one.
type lifeline struct {
	net.Conn
	idle     time.Duration // IdleTimeout
	patience time.Duration // WriteTimeout
	armed    atomic.Bool   // not during the handshake, which has a deadline of its own
	stuck    atomic.Bool   // a write is under way, or failed
	limit    time.Time     // of the write that comes, unless zero; the one who writes sets it
	read     time.Time     // when the deadline for reading was set; of the one goroutine that reads
}

// Read implements net.Conn.
func (l *lifeline) Read(p []byte) (int, error) {
	refresh := l.idle / 32 // so that not each of many small reads sets the deadline
	if now := time.Now(); l.armed.Load() && now.Sub(l.read) > refresh {
		if err := l.Conn.SetReadDeadline(now.Add(l.idle + refresh)); err != nil {
			return 0, err
		}
		l.read = now
	}
	return l.Conn.Read(p)
}

// Write implements net.Conn.
func (l *lifeline) Write(p []byte) (int, error) {
	if !l.armed.Load() {
		return l.Conn.Write(p)
	}
	l.stuck.Store(true)
	for written := 0; ; {
		n, err := l.writeSome(p[written:])
		written += n
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || l.limited() {
			l.stuck.Store(err != nil)
			return written, err
		}
	}
}

func (l *lifeline) writeSome(p []byte) (int, error) {
	deadline := time.Now().Add(l.patience)
	if !l.limit.IsZero() && l.limit.Before(deadline) {
		deadline = l.limit
	}
	if err := l.Conn.SetWriteDeadline(deadline); err != nil {
		return 0, err
	}
	return l.Conn.Write(p)
}

func (l *lifeline) limited() bool { return !l.limit.IsZero() && !time.Now().Before(l.limit) }

// SetWriteDeadline implements net.Conn. It bounds the writes of who does not want to wait for as long as something moves.
func (l *lifeline) SetWriteDeadline(t time.Time) error {
	if l.armed.Load() {
		l.limit = t
		return nil
	}
	return l.Conn.SetWriteDeadline(t)
}

// Close implements net.Conn. If a write hangs, or failed, the system drops what it has in its buffer: on a link that is too
// slow it would only keep the next connection from getting through.
func (l *lifeline) Close() error {
	if tcp := tcpOf(l.Conn); l.stuck.Load() && tcp != nil {
		_ = tcp.SetLinger(0) // it is closed in any case
	}
	return l.Conn.Close()
}

// newLifeline makes a lifeline of a new connection, of which the system gives up what the other end does not acknowledge.
func newLifeline(conn net.Conn) *lifeline {
	if tcp := tcpOf(conn); tcp != nil {
		limitUnacknowledged(tcp)
	}
	return &lifeline{Conn: conn, idle: IdleTimeout, patience: WriteTimeout}
}

// tcpOf answers the TCP connection below TLS and the like, or nil.
func tcpOf(conn net.Conn) *net.TCPConn {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
