package lsp_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
	"go.uber.org/zap"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/lsp"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// An editor is a client of the protocol that somebody else wrote, connected to a server of ours.
type editor struct {
	protocol.Client
	protocol.Server
	t    *testing.T
	conn jsonrpc2.Conn
	dir  string // the .tutti folder

	mu     sync.Mutex
	told   chan struct{}                                // closed and replaced by whatever the server tells
	found  map[string]protocol.PublishDiagnosticsParams // by base name
	logged []string
	asked  []string // capabilities that the server wants
}

// start begins a session on a folder with files, and says hello.
func start(t *testing.T, files map[string]string) *editor {
	t.Helper()
	e := &editor{t: t, dir: filepath.Join(t.TempDir(), ".tutti"), told: make(chan struct{}), found: map[string]protocol.PublishDiagnosticsParams{}}
	if err := os.Mkdir(e.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		e.save(name, text)
	}
	stream, wait := serve(t, &lsp.Server{
		Read: read, Check: check, Version: "1.2.3",
		Explain: func(code string) (string, bool) { return "About " + code, code != "" },
		Link:    func(code string) string { return "https://example.com/" + code },
	})
	ctx := context.WithoutCancel(t.Context())
	_, e.conn, e.Server = protocol.NewClient(ctx, e, jsonrpc2.NewStream(stream), zap.NewNop())
	t.Cleanup(func() {
		if err := e.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := e.Exit(ctx); err != nil {
			t.Errorf("exit: %v", err)
		}
		if err := wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if err := e.conn.Close(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("closing: %v", err)
		}
		<-e.conn.Done()
	})
	params := &protocol.InitializeParams{}
	params.Capabilities.TextDocument = &protocol.TextDocumentClientCapabilities{Completion: &protocol.CompletionTextDocumentClientCapabilities{
		CompletionItem: &protocol.CompletionTextDocumentClientCapabilitiesItem{SnippetSupport: true},
	}}
	params.Capabilities.Workspace = &protocol.WorkspaceClientCapabilities{
		DidChangeWatchedFiles: &protocol.DidChangeWatchedFilesWorkspaceClientCapabilities{DynamicRegistration: true},
	}
	got, err := e.Initialize(ctx, params)
	if err != nil {
		t.Fatal(err)
	}
	if got.ServerInfo.Name != "tutti" || got.ServerInfo.Version != "1.2.3" || got.Capabilities.HoverProvider != true {
		t.Errorf("the server says it is %+v", got)
	}
	e.must(e.Initialized(ctx, &protocol.InitializedParams{}))
	return e
}

// serve runs a server until its client is gone, or the test ends. wait answers how it ended.
func serve(t testing.TB, s *lsp.Server) (stream io.ReadWriteCloser, wait func() error) {
	t.Helper()
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		err := s.Serve(ctx, fromClient, toClient)
		toClient.Close() // never fails
		ended <- err
	}()
	wait = sync.OnceValue(func() error {
		select {
		case err := <-ended:
			stop()
			return err
		case <-time.After(patience):
			stop()
			return errors.Join(errors.New("the server did not end by itself"), <-ended)
		}
	})
	t.Cleanup(func() {
		stop()
		toServer.Close() // never fails
		fromServer.Close()
		_ = wait() // whoever cares has asked before
	})
	return struct {
		io.Reader
		io.WriteCloser
	}{fromServer, toServer}, wait
}

func read(dir string) ([]dsl.File, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	var files []dsl.File
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			return files, err
		}
		files = append(files, dsl.File{Name: ".tutti/" + filepath.Base(p), Data: data})
	}
	return files, err
}

func check(_ context.Context, _ string, files []dsl.File) []plan.Problem { return dsl.Check(files) }

func (e *editor) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) save(name, text string) {
	e.t.Helper()
	e.must(os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600))
}

func (e *editor) uri(name string) protocol.DocumentURI { return uri.File(filepath.Join(e.dir, name)) }

func (e *editor) open(name, text string) {
	e.t.Helper()
	e.must(e.DidOpen(e.t.Context(), &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{
		URI: e.uri(name), LanguageID: "hcl", Version: 1, Text: text,
	}}))
}

// replace sends the whole text anew.
func (e *editor) replace(name string, version int, text string) {
	e.t.Helper()
	e.must(e.conn.Notify(e.t.Context(), "textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": e.uri(name), "version": version},
		"contentChanges": []any{map[string]any{"text": text}},
	}))
}

func (e *editor) change(name string, version int32, changes ...protocol.TextDocumentContentChangeEvent) {
	e.t.Helper()
	e.must(e.DidChange(e.t.Context(), &protocol.DidChangeTextDocumentParams{
		TextDocument:   protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: e.uri(name)}, Version: version},
		ContentChanges: changes,
	}))
}

func at(name protocol.DocumentURI, line, character uint32) protocol.TextDocumentPositionParams {
	return protocol.TextDocumentPositionParams{
		TextDocument: protocol.TextDocumentIdentifier{URI: name}, Position: protocol.Position{Line: line, Character: character},
	}
}

func span(line, from, to uint32) protocol.Range {
	return protocol.Range{Start: protocol.Position{Line: line, Character: from}, End: protocol.Position{Line: line, Character: to}}
}

// until waits for something that the server tells.
func (e *editor) until(what string, holds func() bool) {
	e.t.Helper()
	deadline := time.After(patience)
	for {
		e.mu.Lock()
		ok, told := holds(), e.told
		e.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-told:
		case <-deadline:
			e.mu.Lock()
			defer e.mu.Unlock()
			e.t.Fatalf("waited in vain for %s; the diagnostics are %+v, the log %q", what, e.found, e.logged)
		}
	}
}

// codes waits for the diagnostics of a file to be these codes.
func (e *editor) codes(name string, want ...string) []protocol.Diagnostic {
	e.t.Helper()
	var last []protocol.Diagnostic
	e.until(name+" to have "+strings.Join(want, " "), func() bool {
		found, told := e.found[name]
		var codes []string
		for _, d := range found.Diagnostics {
			codes = append(codes, d.Code.(string))
		}
		last = found.Diagnostics
		return told && slices.Equal(codes, want)
	})
	return last
}

func (e *editor) tell(note func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	note()
	close(e.told)
	e.told = make(chan struct{})
	return nil
}

func (e *editor) PublishDiagnostics(_ context.Context, p *protocol.PublishDiagnosticsParams) error {
	return e.tell(func() { e.found[filepath.Base(p.URI.Filename())] = *p })
}

func (e *editor) LogMessage(_ context.Context, p *protocol.LogMessageParams) error {
	return e.tell(func() { e.logged = append(e.logged, p.Message) })
}

func (e *editor) RegisterCapability(_ context.Context, p *protocol.RegistrationParams) error {
	return e.tell(func() {
		for _, r := range p.Registrations {
			e.asked = append(e.asked, r.Method)
		}
	})
}
