package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestLspServesAnEditor says hello and goodbye through the real command; what lies between is tested in its package.
func TestLspServesAnEditor(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": goodPipeline, ".tutti/b.hcl": "locals {\n  a = nothing.here\n}\n"})
	var in strings.Builder
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}`,
		`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file://` + dir + `/.tutti/ci.hcl","version":1,"text":"pipeline \"ci\" {}"}}}`,
		`{"jsonrpc":"2.0","id":2,"method":"textDocument/documentSymbol","params":{"textDocument":{"uri":"file://` + dir + `/.tutti/ci.hcl"}}}`,
		`{"jsonrpc":"2.0","id":3,"method":"shutdown"}`,
		`{"jsonrpc":"2.0","method":"exit"}`,
	} {
		fmt.Fprintf(&in, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	code, out, errs := ask(t, in.String(), "lsp")
	if code != exitOK || errs != "" || !strings.Contains(out, `"name":"tutti"`) || !strings.Contains(out, `"name":"ci","detail":"pipeline"`) {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
}

// TestLspEndsOnASignal has an editor that says nothing.
func TestLspEndsOnASignal(t *testing.T) {
	in, _ := io.Pipe()
	var out bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if code := execute(ctx, []string{"lsp"}, console{In: in, Out: &out, Err: &out}); code != exitOK {
		t.Errorf("code %d, %q", code, out.String())
	}
}
