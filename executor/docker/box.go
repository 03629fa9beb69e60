package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/tutti-ci/tutti/executor/shim"
)

const helloLimit = time.Minute // from the start of a container to its shim's first word

// A box is one container with its shim, ready for an activity, or used by one.
type box struct {
	name     string
	activity string // for which it was made
	image    string
	img      *image
	user     string            // of that activity
	anchor   bool              // others have joined its network, or may
	started  *future[struct{}] // Docker's word that it runs; may be read when the box is there
	dir      string            // with the socket; mounted into this container only
	listener *net.UnixListener

	// Of a container that an earlier process of the agent made, see adoptBox.
	token   string            // of the process that began in it last, if any did
	pid     int               // of its shim, by Docker's word
	greeted *future[struct{}] // its shim has said Hello again

	conn    *shim.Conn
	hello   shim.Hello
	in      chan shim.Message // closed when the shim is gone
	gone    chan struct{}     // closed then as well
	closed  chan struct{}     // closed by shut
	shutOne sync.Once
	mu      sync.Mutex // guards hung, and conn while it is not sure that it is there
	hung    bool       // nobody is to be talked to any more

	fresh  layer  // its changes before its first activity; nil if they cannot be seen
	traces string // what the last activity left behind, by the shim's words
}

// listen makes the folder and the socket that the shim will dial.
func (c *box) listen() error {
	// In a folder that only the agent may enter; the shim is root of the container, perhaps not of the machine.
	if err := os.Mkdir(c.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("making the shim's folder: %w", err)
	}
	path, done, err := shortPath(c.dir, shim.SocketName)
	if err != nil {
		return err
	}
	defer done()
	_ = os.Remove(path) // of an agent that died; if it stays, listening says so
	if c.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err != nil {
		return fmt.Errorf("listening for the shim: %w", err)
	}
	c.listener.SetUnlinkOnClose(false) // the folder goes as a whole
	if err := os.Chmod(path, 0o666); err != nil {
		return errors.Join(fmt.Errorf("listening for the shim: %w", err), c.listener.Close())
	}
	return nil
}

// shortPath answers a path of a file in dir that fits into the address of a socket (108 bytes), until done is called.
func shortPath(dir, name string) (path string, done func(), err error) {
	path = filepath.Join(dir, name)
	if len(path) < 100 {
		return path, func() {}, nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, fmt.Errorf("opening the shim's folder: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), name), func() { _ = folder.Close() }, nil
}

// greet waits for the shim's Hello, until the listener is closed or its deadline comes. It is the only connection that the container
// ever gets, and it comes before any process of the user: nobody else can pass for the shim.
func (c *box) greet() error {
	defer c.listener.Close()
	unix, err := c.listener.AcceptUnix()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the shim did not answer within %s; is Docker on this machine, with the same file system?", helloLimit)
	}
	if err != nil {
		return fmt.Errorf("waiting for the shim: %w", err)
	}
	conn := shim.NewConn(unix)
	c.hello, err = firstWord(unix, conn, helloLimit)
	if err == nil && c.hello.Version != shim.Version {
		err = errors.New("it is of another version")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("waiting for the shim: %w", err), conn.Close())
	}
	return c.use(conn)
}

// use takes a connection to the shim into use.
func (c *box) use(conn *shim.Conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hung {
		return errors.Join(errClosed, conn.Close())
	}
	c.conn = conn
	return nil
}

// pump receives until the shim is gone.
func (c *box) pump() {
	defer close(c.gone)
	defer close(c.in)
	for {
		m, err := c.conn.Receive()
		if err != nil {
			return // whoever waits for a message finds out why the container ended
		}
		select {
		case c.in <- m:
		case <-c.closed:
			return
		}
	}
}

// shut ends the conversation, or lets none begin.
func (c *box) shut() {
	c.shutOne.Do(func() {
		close(c.closed)
		if c.listener != nil {
			_ = c.listener.Close() // it may be closed already
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.hung = true
		if c.conn != nil {
			_ = c.conn.Close() // what the shim had to say does not matter any more, or is said to whoever listens next
		}
	})
}

// alive says whether the shim is there.
func (c *box) alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

// joinable says whether other containers can join its network, as far as anybody knows.
func (c *box) joinable() bool {
	return c.alive() && (!c.started.ready() || c.started.err == nil)
}

// reusable says whether the container may be used again if an activity leaves it as it was.
func (c *box) reusable() bool { return c.hello.Single == "" && c.fresh != nil }

// clean says why the container must not be used for another activity; nil if it is as it was made.
func (c *box) clean() error {
	if !c.alive() {
		return errors.New("it ended")
	}
	if c.hello.Single != "" {
		return errors.New(c.hello.Single)
	}
	if c.traces != "" {
		return errors.New(c.traces)
	}
	if c.fresh == nil {
		return errors.New("the changes of its root file system cannot be seen")
	}
	now, err := listLayer(c.hello.Upper)
	if err != nil {
		return err
	}
	return c.fresh.compare(now)
}

// remove removes the container and the folder of its socket.
func (e *Engine) remove(ctx context.Context, c *box) error {
	c.shut()
	err := insist(ctx, "container "+c.name, func(ctx context.Context) error {
		return e.client.ContainerRemove(ctx, c.name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	return errors.Join(err, os.RemoveAll(c.dir))
}
