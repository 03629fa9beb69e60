package lsp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A checker checks folders beside the session, and publishes what it finds. Of what it was asked in the meantime, it does
// only the latest.
type checker struct {
	server *Server
	wire   *wire
	wake   chan struct{} // holds one token if anything is asked

	mu    sync.Mutex // guards what follows
	asked map[string]snapshot
	found map[string][]finding // by folder: of its last check

	blamed map[string]map[string]bool // by folder, the URIs with problems; only run uses it
}

// A snapshot is a folder as it was when a check was asked for.
type snapshot struct {
	dir   string
	names []string
	files map[string]document
}

// A finding is a problem in the text that was checked.
type finding struct {
	name string
	at   textRange
	plan.Problem
}

func newChecker(s *Server, w *wire) *checker {
	return &checker{
		server: s, wire: w, wake: make(chan struct{}, 1),
		asked: map[string]snapshot{}, found: map[string][]finding{}, blamed: map[string]map[string]bool{},
	}
}

// ask has a folder checked soon.
func (c *checker) ask(f *folder) {
	snap := snapshot{dir: f.dir, names: f.names(), files: map[string]document{}}
	for _, name := range snap.names {
		doc, open := f.open[name]
		if !open {
			doc = document{text: f.disk[name], uri: f.uri(name), version: unsaved}
		}
		snap.files[name] = doc
	}
	c.mu.Lock()
	c.asked[f.dir] = snap
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// unsaved is the version of a file that the editor does not hold.
const unsaved = -1 << 31

// at answers what the last check found at a place of a file.
func (c *checker) at(f *folder, name string, p position) []finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []finding
	for _, found := range c.found[f.dir] {
		if found.name == name && !before(p, found.at.Start) && !before(found.at.End, p) {
			list = append(list, found)
		}
	}
	return list
}

func before(a, b position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character
}

// run checks until ctx ends, or the editor cannot be written to; the session meets the same error then.
func (c *checker) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		c.mu.Lock()
		asked := c.asked
		c.asked = map[string]snapshot{}
		c.mu.Unlock()
		for _, dir := range slices.Sorted(maps.Keys(asked)) {
			if err := c.check(ctx, asked[dir]); err != nil {
				return
			}
		}
	}
}

func (c *checker) check(ctx context.Context, snap snapshot) error {
	files := make([]dsl.File, len(snap.names))
	for i, name := range snap.names {
		files[i] = dsl.File{Name: name, Data: snap.files[name].data}
	}
	var found []finding
	if len(files) > 0 {
		for _, p := range c.problems(ctx, snap.dir, files) {
			if _, known := snap.files[p.File]; !known {
				p.File = snap.names[0] // a problem of the whole folder
			}
			found = append(found, finding{p.File, rangeOf(snap.files[p.File].text, p), p})
		}
	}
	c.mu.Lock()
	c.found[snap.dir] = found
	c.mu.Unlock()
	return c.publish(snap, found)
}

// problems checks files. A mistake of ours must not end the session, so a panic is a problem here.
func (c *checker) problems(ctx context.Context, dir string, files []dsl.File) (list []plan.Problem) {
	defer func() {
		if r := recover(); r != nil {
			list = []plan.Problem{{Severity: plan.Error, Title: "Internal error", Detail: fmt.Sprintf("The check failed (%.200s). Please report it.", fmt.Sprint(r))}}
		}
	}()
	return c.server.Check(ctx, dir, files)
}

// rangeOf is what a problem underlines: at least one character, where there is one.
func rangeOf(t text, p plan.Problem) textRange {
	if p.Start.Line == 0 {
		return textRange{}
	}
	s := dsl.Stretch{Start: dsl.Offset(t.data, p.Start), End: dsl.Offset(t.data, p.End)}
	if s.End <= s.Start {
		s.End = min(s.Start+1, len(t.data))
	}
	return t.textRange(s)
}

// publish sends the problems of each file, and for files that had some before that they have none any more.
func (c *checker) publish(snap snapshot, found []finding) error {
	byURI := map[string]*diagnosticsParams{}
	for name, doc := range snap.files {
		params := &diagnosticsParams{URI: doc.uri, Diagnostics: []diagnostic{}}
		if doc.version != unsaved {
			params.Version = &doc.version
		}
		for _, f := range found {
			if f.name == name {
				params.Diagnostics = append(params.Diagnostics, c.diagnostic(f))
			}
		}
		if len(params.Diagnostics) > 0 || params.Version != nil {
			byURI[doc.uri] = params
		}
	}
	for uri := range c.blamed[snap.dir] {
		if byURI[uri] == nil {
			byURI[uri] = &diagnosticsParams{URI: uri, Diagnostics: []diagnostic{}}
		}
	}
	blamed := map[string]bool{}
	for _, uri := range slices.Sorted(maps.Keys(byURI)) {
		if len(byURI[uri].Diagnostics) > 0 {
			blamed[uri] = true
		}
		if err := c.wire.notify("textDocument/publishDiagnostics", byURI[uri]); err != nil {
			return err
		}
	}
	c.blamed[snap.dir] = blamed
	return nil
}

func (c *checker) diagnostic(f finding) diagnostic {
	d := diagnostic{Range: f.at, Severity: severityError, Code: f.Code, Source: "tutti", Message: f.Title}
	if f.Severity == plan.Warning {
		d.Severity = severityWarning
	}
	if f.Detail != "" {
		d.Message += ": " + f.Detail
	}
	if href := c.server.Link(f.Code); f.Code != "" && href != "" {
		d.Link = &codeDescription{href}
	}
	return d
}
