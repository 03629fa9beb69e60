package lsp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/lsp"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A raw client writes what no library would.
type raw struct {
	t      testing.TB
	stream io.ReadWriteCloser
	in     *bufio.Reader
	wait   func() error
}

func startRaw(t testing.TB, s *lsp.Server) *raw {
	stream, wait := serve(t, s)
	return &raw{t: t, stream: stream, in: bufio.NewReader(stream), wait: wait}
}

func quiet() *lsp.Server {
	return &lsp.Server{
		Read:    func(string) ([]dsl.File, error) { return nil, nil },
		Check:   func(context.Context, string, []dsl.File) []plan.Problem { return nil },
		Explain: func(string) (string, bool) { return "", false },
		Link:    func(string) string { return "" },
	}
}

func (r *raw) bytes(text string) {
	r.t.Helper()
	if _, err := io.WriteString(r.stream, text); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) send(body string) {
	r.t.Helper()
	r.bytes(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
}

type answer struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// next reads the next message, whatever it is.
func (r *raw) next() answer {
	r.t.Helper()
	length := -1
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			r.t.Fatalf("reading a header: %v", err)
		}
		if line = strings.TrimSpace(line); line == "" {
			break
		}
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(value); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r.in, body); err != nil {
		r.t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	return a
}

// response reads on to the answer to a request.
func (r *raw) response(id string) answer {
	r.t.Helper()
	for {
		if a := r.next(); a.Method == "" && string(a.ID) == id {
			return a
		}
	}
}

func (r *raw) refused(id string, code int) {
	r.t.Helper()
	if a := r.response(id); a.Error == nil || a.Error.Code != code {
		r.t.Errorf("request %s is answered with %+v (%+v), want the error %d", id, a, a.Error, code)
	}
}

const hello = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"capabilities":{}}}`

func (r *raw) greet() {
	r.t.Helper()
	r.send(hello)
	if a := r.response(`"hello"`); a.Error != nil {
		r.t.Fatalf("initialize: %+v", a.Error)
	}
}

func TestWhatNobodyShouldSend(t *testing.T) {
	r := startRaw(t, quiet())
	for _, c := range []struct {
		name, body, id string
		code           int
	}{
		{"NotReadyYet", `{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{}}`, "1", -32002},
		{"NoJSON", `{"jsonrpc":"2.0",`, "null", -32700},
		{"NotEvenText", "\xff\x00", "null", -32700},
		{"ABatch", `[]`, "null", -32600},
		{"AnotherVersion", `{"jsonrpc":"1.0","id":2,"method":"initialize"}`, "null", -32600},
		{"Nothing", `{"jsonrpc":"2.0"}`, "null", -32600},
		{"Empty", ``, "null", -32700},
	} {
		t.Run(c.name, func(*testing.T) {
			r.send(c.body)
			r.refused(c.id, c.code)
		})
	}
	r.greet()
	for _, c := range []struct {
		name, body, id string
		code           int
	}{
		{"HelloAgain", hello, `"hello"`, -32600},
		{"UnknownMethod", `{"jsonrpc":"2.0","id":3,"method":"textDocument/juggle","params":{}}`, "3", -32601},
		{"WrongParams", `{"jsonrpc":"2.0","id":4,"method":"textDocument/hover","params":[1]}`, "4", -32602},
		{"NoParams", `{"jsonrpc":"2.0","id":5,"method":"textDocument/hover"}`, "5", -32602},
	} {
		t.Run(c.name, func(*testing.T) {
			r.send(c.body)
			r.refused(c.id, c.code)
		})
	}
	r.send(`{"jsonrpc":"2.0","method":"$/unknown","params":{}}`)
	r.send(`{"jsonrpc":"2.0","id":99,"result":null}`) // an answer to nothing
	r.send(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl"},"contentChanges":[{"text":"a"}]}}`)
	r.send(`{"jsonrpc":"2.0","id":6,"method":"textDocument/hover","params":{"textDocument":{"uri":"::"},"position":{"line":-5,"character":1}}}`)
	if a := r.response("6"); a.Error != nil {
		t.Errorf("after all that, %+v", a.Error)
	}
	r.send(`{"jsonrpc":"2.0","id":7,"method":"shutdown"}`)
	if a := r.response("7"); a.Error != nil || string(a.Result) != "null" {
		t.Errorf("shutdown is answered with %+v", a)
	}
	r.send(`{"jsonrpc":"2.0","id":8,"method":"textDocument/hover","params":{}}`)
	r.refused("8", -32600)
	r.send(`{"jsonrpc":"2.0","method":"exit"}`)
	if err := r.wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

func TestAnOversizedMessageIsSkipped(t *testing.T) {
	r := startRaw(t, quiet())
	sent := make(chan error, 1)
	const size = 9 << 20
	go func() {
		_, err := fmt.Fprintf(r.stream, "Content-Length: %d\r\nContent-Type: x\r\n\r\n%s", size, strings.Repeat(" ", size))
		sent <- err
	}()
	r.refused("null", -32600)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	r.greet()
}

func TestABrokenHeaderEndsTheSession(t *testing.T) {
	for _, header := range []string{"GET / HTTP/1.1\r\n\r\n", "Content-Length: x\r\n\r\n", "Content-Length: -1\r\n\r\n", strings.Repeat("a: b\r\n", 1000)} {
		r := startRaw(t, quiet())
		_, _ = io.WriteString(r.stream, header) // it may be hung up on
		if err := r.wait(); err == nil || !strings.Contains(err.Error(), "header") {
			t.Errorf("%.20q ends the session with %v", header, err)
		}
	}
}

func TestAnEditorThatDies(t *testing.T) {
	for name, last := range map[string]string{"Quietly": "", "InAHeader": "Content-Le", "InAMessage": "Content-Length: 100\r\n\r\n{"} {
		t.Run(name, func(t *testing.T) {
			r := startRaw(t, quiet())
			r.greet()
			r.bytes(last)
			if err := r.stream.Close(); err != nil {
				t.Fatal(err)
			}
			if err := r.wait(); err != nil {
				t.Errorf("the server ended with %v", err)
			}
		})
	}
}

func TestExitWithoutShutdown(t *testing.T) {
	r := startRaw(t, quiet())
	r.greet()
	r.send(`{"jsonrpc":"2.0","method":"exit"}`)
	if err := r.wait(); !errors.Is(err, lsp.ErrNoGoodbye) {
		t.Errorf("the server ended with %v", err)
	}
}

const openA = `{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl","version":1,"text":"locals {}"}}}`

// TestCanceledRequestsAreNotAnswered cancels a request that waits behind something slow.
func TestCanceledRequestsAreNotAnswered(t *testing.T) {
	s := quiet()
	reading, go1 := make(chan struct{}), make(chan struct{})
	s.Read = func(string) ([]dsl.File, error) {
		close(reading)
		<-go1
		return nil, nil
	}
	r := startRaw(t, s)
	r.greet()
	r.send(openA)
	<-reading
	r.send(`{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl"}}}`)
	r.send(`{"jsonrpc":"2.0","id":2,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl"}}}`)
	r.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`)
	r.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":77}}`) // is read only once the other has been
	close(go1)
	r.refused("1", -32800)
	if a := r.response("2"); a.Error != nil {
		t.Errorf("the other request is answered with %+v", a.Error)
	}
}

// TestAMistakeOfOursEndsNothing panics in what the server is given.
func TestAMistakeOfOursEndsNothing(t *testing.T) {
	s := quiet()
	s.Check = func(context.Context, string, []dsl.File) []plan.Problem { panic("a check") }
	s.Explain = func(string) (string, bool) { panic("an explanation") }
	r := startRaw(t, s)
	r.greet()
	r.send(openA)
	for {
		if a := r.next(); a.Method == "textDocument/publishDiagnostics" {
			break
		}
	}
	r.send(`{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl"},"position":{"line":0,"character":0}}}`)
	r.refused("1", -32603)
	r.send(`{"jsonrpc":"2.0","id":2,"method":"textDocument/documentSymbol","params":{"textDocument":{"uri":"file:///x/.tutti/a.hcl"}}}`)
	if a := r.response("2"); a.Error != nil || !strings.Contains(string(a.Result), "locals") {
		t.Errorf("afterwards, %s %+v", a.Result, a.Error)
	}
}

// TestTheServerEndsWithItsContext has the test's end stop a server whose editor says nothing.
func TestTheServerEndsWithItsContext(t *testing.T) {
	in, _ := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := quiet().Serve(ctx, in, io.Discard); err != nil {
		t.Error(err)
	}
}
