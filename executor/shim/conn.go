package shim

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

const (
	maxMessage = 32 << 20 // a script or an environment may be large; nothing else is
	maxFiles   = 4
	headerSize = 8 // length of the JSON text, number of files; both uint32
)

// Conn carries messages over a unix socket. One goroutine may receive while any number send.
type Conn struct {
	unix *net.UnixConn
	mu   sync.Mutex // one message is written at a time
}

// NewConn answers a Conn on an open connection, which it owns from now on.
func NewConn(unix *net.UnixConn) *Conn { return &Conn{unix: unix} }

// Close ends the connection, and whatever waits on it.
func (c *Conn) Close() error { return c.unix.Close() }

// Send writes one message and its files, which stay the caller's to close.
func (c *Conn) Send(m Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing message: %w", err)
	}
	if len(text) > maxMessage || len(m.Files) > maxFiles {
		return fmt.Errorf("writing message: %d bytes and %d files are more than fit into one", len(text), len(m.Files))
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, headerSize+len(text)), uint32(len(text)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(m.Files)))
	frame = append(frame, text...)

	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.sendFiles(frame, m.Files)
	if err == nil && n < len(frame) {
		_, err = c.unix.Write(frame[n:])
	}
	if err != nil {
		return fmt.Errorf("sending message: %w", err)
	}
	return nil
}

// sendFiles sends as much of the frame as fits into one call, with the files, which arrive with its first byte.
func (c *Conn) sendFiles(frame []byte, files []*os.File) (int, error) {
	if len(files) == 0 {
		return 0, nil
	}
	fds := make([]int, len(files))
	for i, f := range files {
		raw, err := f.SyscallConn()
		if err != nil {
			return 0, err
		}
		// The number is used after Control returned: the caller keeps its files open until Send does.
		if err := raw.Control(func(fd uintptr) { fds[i] = int(fd) }); err != nil {
			return 0, err
		}
	}
	n, _, err := c.unix.WriteMsgUnix(frame, syscall.UnixRights(fds...), nil)
	return n, err
}

// Receive reads the next message. Its files are the caller's to close.
func (c *Conn) Receive() (Message, error) {
	header := make([]byte, headerSize)
	files, err := c.receiveHeader(header)
	if err != nil {
		closeAll(files)
		return Message{}, err
	}
	m, err := c.receiveBody(int64(binary.BigEndian.Uint32(header)))
	if want := binary.BigEndian.Uint32(header[4:]); err == nil && int(want) != len(files) {
		err = fmt.Errorf("receiving message: %d files came instead of %d", len(files), want)
	}
	if err != nil {
		closeAll(files)
		return Message{}, err
	}
	m.Files = files
	return m, nil
}

func (c *Conn) receiveHeader(header []byte) ([]*os.File, error) {
	var files []*os.File
	oob := make([]byte, syscall.CmsgSpace(maxFiles*4))
	for got := 0; got < len(header); {
		n, oobn, _, _, err := c.unix.ReadMsgUnix(header[got:], oob)
		came, parseErr := openFiles(oob[:oobn])
		files = append(files, came...)
		switch {
		case err != nil && got == 0 && errors.Is(err, io.EOF), err == nil && n == 0 && got == 0:
			return files, io.EOF
		case err != nil:
			return files, fmt.Errorf("receiving message: %w", err)
		case parseErr != nil:
			return files, fmt.Errorf("receiving files: %w", parseErr)
		case n == 0:
			return files, fmt.Errorf("receiving message: %w", io.ErrUnexpectedEOF)
		}
		got += n
	}
	return files, nil
}

func (c *Conn) receiveBody(size int64) (Message, error) {
	var m Message
	if size > maxMessage {
		return m, fmt.Errorf("receiving message: %d bytes are more than a message may have", size)
	}
	// It grows with what comes: a stranger who only says that his message is large gets no memory for it.
	var text bytes.Buffer
	text.Grow(int(min(size, 64<<10)))
	if n, err := io.CopyN(&text, c.unix, size); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: %d bytes of %d", io.ErrUnexpectedEOF, n, size)
		}
		return m, fmt.Errorf("receiving message: %w", err)
	}
	if err := json.Unmarshal(text.Bytes(), &m); err != nil {
		return m, fmt.Errorf("reading message: %w", err)
	}
	return m, nil
}

func openFiles(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	controls, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range controls {
		fds, err := syscall.ParseUnixRights(&controls[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing was written through it
	}
}
