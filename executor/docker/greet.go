package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/executor/shim"
)

const (
	likelyLimit   = 3 * time.Second // for the shim to come after somebody who may be it
	strangerLimit = 2 * time.Second // for whoever dials to say something
	strangers     = 4               // that are listened to at once
)

// A caller is somebody who dialed and said Hello.
type caller struct {
	conn  *shim.Conn
	hello shim.Hello
	sure  bool // it is the shim
}

// greetAgain waits for the shim of a container that an earlier process of the agent left. The shim dials until somebody
// listens; but processes of the container can dial as well, and say what they like. It is the shim who knows the token of the
// last Go, and also who is the process that Docker started. Where nobody can tell who dialed, as from within another
// container, the last one who may be the shim is taken for it after a while.
func (c *box) greetAgain(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, helloLimit, errors.New("nobody came"))
	callers := make(chan caller)
	var meeting sync.WaitGroup
	defer meeting.Wait()
	defer cancel()
	defer c.listener.Close()
	meeting.Go(func() { c.meet(ctx, &meeting, callers) })

	var likely *caller
	var waited <-chan time.Time
	for {
		select {
		case who := <-callers:
			if likely != nil {
				_ = likely.conn.Close() // the shim has one connection at a time
			}
			if who.sure {
				return c.adoptCaller(who)
			}
			if likely = &who; waited == nil {
				waited = time.After(likelyLimit)
			}
		case <-waited:
			return c.adoptCaller(*likely)
		case <-ctx.Done():
			if likely != nil {
				_ = likely.conn.Close()
			}
			return fmt.Errorf("waiting for the shim to dial again: %w", context.Cause(ctx))
		}
	}
}

func (c *box) adoptCaller(who caller) error {
	c.hello = who.hello
	return c.use(who.conn)
}

// meet accepts who dials, until ctx ends and the listener is closed.
func (c *box) meet(ctx context.Context, meeting *sync.WaitGroup, callers chan<- caller) {
	places := make(chan struct{}, strangers)
	for {
		unix, err := c.listener.AcceptUnix()
		if err != nil {
			return
		}
		pid := peer(unix)
		known := pid > 0 && pid == c.pid
		if !known {
			select {
			case places <- struct{}{}:
			default: // too many; if the shim is among them, it comes again
				_ = unix.Close()
				continue
			}
		}
		meeting.Go(func() {
			c.listenTo(ctx, unix, pid, callers)
			if !known {
				<-places
			}
		})
	}
}

// listenTo hears who somebody is, and passes him on if he may be the shim.
func (c *box) listenTo(ctx context.Context, unix *net.UnixConn, pid int, callers chan<- caller) {
	who := caller{conn: shim.NewConn(unix)}
	stop := context.AfterFunc(ctx, func() { _ = unix.Close() })
	var err error
	who.hello, err = firstWord(unix, who.conn, strangerLimit)
	who.sure = c.token != "" && who.hello.Token == c.token || pid > 0 && pid == c.pid
	stranger := pid > 0 && c.pid > 0 && !who.sure
	if !stop() || err != nil || stranger {
		_ = who.conn.Close()
		return
	}
	select {
	case callers <- who:
	case <-ctx.Done():
		_ = who.conn.Close()
	}
}

// firstWord receives a Hello, within a limit.
func firstWord(unix *net.UnixConn, conn *shim.Conn, limit time.Duration) (shim.Hello, error) {
	if err := unix.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return shim.Hello{}, err
	}
	m, err := conn.Receive()
	for _, f := range m.Files {
		_ = f.Close() // the shim sends none
	}
	switch {
	case err != nil:
		return shim.Hello{}, err
	case m.Hello == nil:
		return shim.Hello{}, errors.New("it says something else than Hello")
	}
	return *m.Hello, unix.SetReadDeadline(time.Time{})
}
