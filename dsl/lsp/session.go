package lsp

import (
	"context"
	"encoding/json"
	"fmt"
)

// A session is what the server knows of its editor. One goroutine owns it.
type session struct {
	server   *Server
	wire     *wire
	inbox    *inbox
	checker  *checker
	folders  map[string]*folder
	snippets bool // the editor understands them
	watches  bool // the editor tells of changed files, if it is asked to
	ready    bool
	leaving  bool
}

// run answers messages in their order.
func (s *session) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, ok := <-s.inbox.messages:
			switch {
			case !ok:
				return s.inbox.failure
			case m.Method == "exit" && !s.leaving:
				return ErrNoGoodbye
			case m.Method == "exit":
				return nil
			}
			if err := s.take(m); err != nil {
				return err
			}
		}
	}
}

// take handles one message. Its error is that the editor cannot be written to.
func (s *session) take(m message) error {
	switch {
	case m.Method == "" && m.ID == nil:
		return s.wire.reply(nil, nil, &rpcError{codeInvalidRequest, "this message is neither a request nor a response"})
	case m.Method == "":
		return nil // a response: what the server asks for needs none
	case m.ID == nil:
		if !s.ready || s.leaving {
			return nil
		}
		_, err := s.handle(m)
		return s.complain(m.Method, err)
	}
	defer s.inbox.done(m.ID)
	switch {
	case s.inbox.canceled(m.ID):
		return s.wire.reply(m.ID, nil, &rpcError{codeCanceled, "canceled"})
	case s.leaving:
		return s.wire.reply(m.ID, nil, &rpcError{codeInvalidRequest, "the server was told to shut down"})
	case !s.ready && m.Method != "initialize":
		return s.wire.reply(m.ID, nil, &rpcError{codeNotInitialized, "the first request must be initialize"})
	}
	result, err := s.handle(m)
	return s.wire.reply(m.ID, result, err)
}

// complain tells the editor's log what became of a notification, which has no response.
func (s *session) complain(method string, err error) error {
	if err == nil {
		return nil
	}
	const warning = 2
	return s.wire.notify("window/logMessage", messageParams{warning, fmt.Sprintf("tutti: %s: %v", method, err)})
}

// handle answers one message. A mistake of ours must not take the editor's buffers down, so a panic is an error here.
func (s *session) handle(m message) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			result, err = nil, &rpcError{codeInternal, fmt.Sprintf("internal error in %s: %.200s", m.Method, fmt.Sprint(r))}
		}
	}()
	switch m.Method {
	case "initialize":
		return with(m, s.initialize)
	case "initialized":
		return nil, s.initialized()
	case "shutdown":
		s.leaving = true
		return nil, nil
	case "textDocument/didOpen":
		return with(m, s.didOpen)
	case "textDocument/didChange":
		return with(m, s.didChange)
	case "textDocument/didClose":
		return with(m, s.didClose)
	case "textDocument/didSave":
		return with(m, s.didSave)
	case "workspace/didChangeWatchedFiles":
		return with(m, s.didChangeWatchedFiles)
	case "textDocument/completion":
		return with(m, s.completion)
	case "textDocument/hover":
		return with(m, s.hover)
	case "textDocument/definition":
		return with(m, s.definition)
	case "textDocument/documentSymbol":
		return with(m, s.symbols)
	case "textDocument/formatting":
		return with(m, s.formatting)
	}
	if m.ID == nil {
		return nil, nil // the protocol has many notifications, and wants unknown ones ignored
	}
	return nil, &rpcError{codeNoMethod, fmt.Sprintf("this server does not know %s", m.Method)}
}

// with calls a handler with the parameters of a message.
func with[P any](m message, handle func(P) (any, error)) (any, error) {
	var params P
	if err := json.Unmarshal(m.Params, &params); err != nil {
		return nil, &rpcError{codeInvalidParams, fmt.Sprintf("the parameters of %s are not what they should be: %v", m.Method, err)}
	}
	return handle(params)
}

func (s *session) initialize(p initializeParams) (any, error) {
	if s.ready {
		return nil, &rpcError{codeInvalidRequest, "initialize came twice"}
	}
	s.ready = true
	s.snippets = p.Capabilities.TextDocument.Completion.Item.Snippets
	s.watches = p.Capabilities.Workspace.WatchedFiles.Dynamic
	var r initializeResult
	r.ServerInfo.Name, r.ServerInfo.Version = "tutti", s.server.Version
	c := &r.Capabilities
	c.PositionEncoding = "utf-16"
	c.Sync.OpenClose, c.Sync.Change, c.Sync.Save = true, syncIncremental, true
	c.Completion.Triggers = []string{".", `"`, "{"}
	c.Hover, c.Definition, c.Symbols, c.Formatting = true, true, true, true
	return r, nil
}

// initialized asks to be told of files that others change: a branch that is checked out, a pull.
func (s *session) initialized() error {
	if !s.watches {
		return nil
	}
	params, err := json.Marshal(registrationParams{[]registration{{
		ID: "files", Method: "workspace/didChangeWatchedFiles", Options: watchOptions{[]watcher{{"**/.tutti/*.hcl"}}},
	}}})
	if err != nil {
		return fmt.Errorf("asking for changes of files: %w", err)
	}
	return s.wire.write(message{ID: json.RawMessage(`"files"`), Method: "client/registerCapability", Params: params})
}
