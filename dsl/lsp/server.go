// Package lsp is a language server for pipeline files: it tells an editor what is wrong while somebody types, what could be
// typed, what a word means and where it is declared, and lays files out.
//
// It owns the Language Server Protocol and what an editor holds in its buffers. What it says comes from package dsl; it
// never runs or compiles anything for real, and reads files only through the functions that it is given.
//
// One goroutine reads messages, one answers them in their order, and one checks files, always the latest: an answer never
// waits for a check. The transport is our own 150 lines: the libraries for it bring more than they save.
package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A Server serves one editor. All of its functions are needed. One goroutine calls Check, another one the others.
type Server struct {
	// Read answers the pipeline files of a folder, named ".tutti/ci.hcl" and so on.
	Read func(dir string) ([]dsl.File, error)
	// Check answers what is wrong with the files of a folder, of which some may not be saved yet.
	Check func(ctx context.Context, dir string, files []dsl.File) []plan.Problem
	// Explain answers a text about a code, in Markdown.
	Explain func(code string) (text string, ok bool)
	// Link answers the address of a page about a code; empty if there is none.
	Link    func(code string) string
	Version string
}

// ErrNoGoodbye is that an editor told the server to exit without telling it to shut down before.
var ErrNoGoodbye = errors.New("the editor said exit without shutdown")

// Serve talks to an editor until it says exit, or is gone, or ctx ends. It closes in, which must end a read.
func (s *Server) Serve(ctx context.Context, in io.ReadCloser, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	w := newWire(in, out)
	c := newChecker(s, w)
	box := &inbox{wire: w, waiting: map[string]bool{}, messages: make(chan message, 256)}
	var group sync.WaitGroup
	group.Go(func() { c.run(ctx) })
	group.Go(func() { box.fill(ctx) })
	err := (&session{server: s, wire: w, inbox: box, checker: c, folders: map[string]*folder{}}).run(ctx)
	stop()
	closed := in.Close()
	group.Wait()
	if err == nil && closed != nil && !errors.Is(closed, io.ErrClosedPipe) {
		err = fmt.Errorf("closing the stream of an editor: %w", closed)
	}
	return err
}

// An inbox holds messages that wait for their turn, and knows which of them the editor does not want answered any more.
type inbox struct {
	wire     *wire
	messages chan message
	failure  error // why messages is closed; nil if the editor left

	mu      sync.Mutex
	waiting map[string]bool // by ID: whether the request was canceled
}

// fill reads messages until the editor says exit or is gone.
func (b *inbox) fill(ctx context.Context) {
	defer close(b.messages)
	for {
		m, err := b.wire.read()
		var bad *rpcError
		switch {
		case errors.As(err, &bad):
			if err = b.wire.reply(nil, nil, bad); err == nil {
				continue
			}
			fallthrough
		case err != nil:
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				b.failure = err
			}
			return
		}
		if b.noted(m) {
			continue
		}
		select {
		case b.messages <- m:
		case <-ctx.Done():
			return
		}
		if m.Method == "exit" {
			return
		}
	}
}

// noted takes cancellations out of turn, since they are about what waits.
func (b *inbox) noted(m message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Method != "$/cancelRequest" {
		if m.ID != nil && m.Method != "" {
			b.waiting[string(m.ID)] = false
		}
		return false
	}
	var p cancelParams
	if err := json.Unmarshal(m.Params, &p); err == nil {
		if _, waits := b.waiting[string(p.ID)]; waits {
			b.waiting[string(p.ID)] = true
		}
	}
	return true
}

// canceled says whether a request need not be answered.
func (b *inbox) canceled(id json.RawMessage) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting[string(id)]
}

func (b *inbox) done(id json.RawMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, string(id))
}
