package lsp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// maxMessage bounds what a client can send at once. It is far above any file that the language allows.
const maxMessage = 8 << 20

// A message is a request, a notification or a response of JSON-RPC 2.0.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"` // a number or a string; none in a notification
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

// An rpcError is the error of a response, with one of the codes below.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return e.Message }

// The codes of JSON-RPC, and of the Language Server Protocol.
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeNoMethod       = -32601
	codeInvalidParams  = -32602
	codeInternal       = -32603
	codeNotInitialized = -32002
	codeCanceled       = -32800
)

// A wire carries messages over two streams, each behind a header that says how long it is. One goroutine may read; any may
// write.
type wire struct {
	in *bufio.Reader

	mu  sync.Mutex // held while a message is written
	out io.Writer
}

func newWire(in io.Reader, out io.Writer) *wire {
	return &wire{in: bufio.NewReader(in), out: out}
}

// read answers the next message. An *rpcError is one message that cannot be understood, after which reading can go on.
func (w *wire) read() (message, error) {
	length, err := w.header()
	if err != nil {
		return message{}, err
	}
	if length > maxMessage {
		if _, err := io.CopyN(io.Discard, w.in, int64(length)); err != nil {
			return message{}, fmt.Errorf("skipping a message: %w", err)
		}
		return message{}, &rpcError{codeInvalidRequest, fmt.Sprintf("a message may have %d bytes", maxMessage)}
	}
	var body bytes.Buffer // grows with what comes, not with what was announced
	if _, err := io.CopyN(&body, w.in, int64(length)); err != nil {
		return message{}, fmt.Errorf("reading a message: %w", err)
	}
	var m message
	if !json.Valid(body.Bytes()) {
		return message{}, &rpcError{codeParse, "this message is not valid JSON"}
	}
	if err := json.Unmarshal(body.Bytes(), &m); err != nil || m.Version != "2.0" {
		return message{}, &rpcError{codeInvalidRequest, "this is no message of JSON-RPC 2.0"}
	}
	if string(m.ID) == "null" {
		m.ID = nil
	}
	return m, nil
}

const maxHeader = 4 << 10

// header reads the lines before a message and answers its length. At the end of the stream it answers io.EOF.
func (w *wire) header() (int, error) {
	length, read := -1, 0
	for {
		line, err := w.in.ReadSlice('\n')
		read += len(line)
		switch {
		case errors.Is(err, io.EOF) && read == 0:
			return 0, io.EOF
		case err != nil:
			return 0, fmt.Errorf("reading the header of a message: %w", err)
		case read > maxHeader:
			return 0, errors.New("reading the header of a message: it does not end")
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" && length >= 0 {
			return length, nil
		}
		if name, value, _ := strings.Cut(text, ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 {
				return 0, fmt.Errorf("reading the header of a message: its length is %q", value)
			}
		} else if text == "" {
			return 0, errors.New("reading the header of a message: it has no Content-Length")
		}
	}
}

// write sends a message.
func (w *wire) write(m message) error {
	m.Version = "2.0"
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := fmt.Fprintf(w.out, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		return fmt.Errorf("writing a message: %w", err)
	}
	return nil
}

// notify sends a message that wants no answer.
func (w *wire) notify(method string, params any) error {
	data, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("writing %s: %w", method, err)
	}
	return w.write(message{Method: method, Params: data})
}

// reply answers a request. A message that could not be understood has the ID null.
func (w *wire) reply(id json.RawMessage, result any, failure error) error {
	if id == nil {
		id = json.RawMessage("null")
	}
	if failure != nil {
		var known *rpcError
		if !errors.As(failure, &known) {
			known = &rpcError{codeInternal, failure.Error()}
		}
		return w.write(message{ID: id, Error: known})
	}
	data, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("writing a response: %w", err)
	}
	return w.write(message{ID: id, Result: data})
}
