package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// conn is what both kinds of connection have in common.
type conn struct {
	ws      *websocket.Conn
	writing sync.Mutex // guards ws for writing, except for control frames
}

// farewell is how long the other end is told why a connection ends.
const farewell = time.Second

// setUp bounds what the other end may do, before anything is read.
func (c *conn) setUp(line *lifeline) {
	c.ws.SetReadLimit(MaxMessage)
	c.ws.SetPingHandler(func(data string) error {
		return c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(WriteTimeout))
	})
	line.armed.Store(true)
}

// next answers the next message, which must be of the given type.
func (c *conn) next(want int) (io.Reader, error) {
	got, r, err := c.ws.NextReader()
	if err != nil {
		return nil, fmt.Errorf("receiving: %w", err)
	}
	if got != want {
		return nil, fmt.Errorf("receiving: a message of type %d, want %d", got, want)
	}
	return r, nil
}

// write sends one message. It fails if the other end takes nothing for WriteTimeout, and the connection is of no use after
// that.
func (c *conn) write(kind int, data []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.ws.WriteMessage(kind, data); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return nil
}

// Ping sends a ping of the websocket protocol.
func (c *conn) Ping() error {
	if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(WriteTimeout)); err != nil {
		return fmt.Errorf("sending a ping: %w", err)
	}
	return nil
}

// Close says why and ends the connection; a Receive that waits answers an error. It may be called at any time and more
// than once, from any goroutine.
func (c *conn) Close(code int, reason string) {
	// Whoever is gone cannot be told why: the error means nothing.
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(farewell))
	_ = c.ws.Close()
}

// CloseCode answers the code with which the other end closed the connection, or 0.
func CloseCode(err error) int {
	var e *websocket.CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// Close codes of RFC 6455 that this protocol uses.
const (
	CloseNormal   = websocket.CloseNormalClosure
	CloseGoing    = websocket.CloseGoingAway
	CloseProtocol = websocket.CloseProtocolError
	CloseInternal = websocket.CloseInternalServerErr
)

// A Control is the first connection. One goroutine may receive; any may send.
type Control struct{ conn }

// Send sends a message.
func (c *Control) Send(m Message) error {
	data, err := Encode(m)
	if err != nil {
		return err
	}
	return c.write(websocket.TextMessage, data)
}

// Receive waits for a message.
func (c *Control) Receive() (Envelope, error) {
	r, err := c.next(websocket.TextMessage)
	if err != nil {
		return Envelope{}, err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return Envelope{}, fmt.Errorf("receiving: %w", err)
	}
	return Decode(data)
}

// A Logs is the second connection. One goroutine may receive; any may send.
type Logs struct {
	conn
	in bytes.Buffer // the frame that was received last

	encoding sync.Mutex // guards out
	out      []byte
}

// Send sends a frame.
func (c *Logs) Send(f LogFrame) error {
	c.encoding.Lock()
	defer c.encoding.Unlock()
	out, err := AppendFrame(c.out[:0], f)
	if err != nil {
		return err
	}
	c.out = out
	return c.write(websocket.BinaryMessage, out)
}

// Receive waits for a frame. What it holds is good until the next Receive.
func (c *Logs) Receive() (LogFrame, error) {
	r, err := c.next(websocket.BinaryMessage)
	if err != nil {
		return nil, err
	}
	c.in.Reset()
	if _, err := c.in.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("receiving: %w", err)
	}
	return DecodeFrame(c.in.Bytes())
}
