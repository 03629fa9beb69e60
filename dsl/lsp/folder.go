package lsp

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/dsl"
)

// pipelineDir is the name of the folders that this server is about. Other HCL files are not its business.
const pipelineDir = ".tutti"

// A folder is one .tutti folder: the files on disk, and over them what the editor has not saved yet.
type folder struct {
	dir  string
	disk map[string]text // by the name that the language knows: ".tutti/ci.hcl"
	open map[string]document
	tool *dsl.Folder
}

// A document is a file that the editor holds.
type document struct {
	text
	uri     string
	version int
}

// A spot is a file of a folder.
type spot struct {
	*folder
	name string
}

// find answers the file that an URI means; ok is false if it is none of a pipeline folder.
func (s *session) find(uri string) (spot, bool) {
	path, ok := pathOf(uri)
	dir := filepath.Dir(path)
	if !ok || filepath.Base(dir) != pipelineDir || filepath.Ext(path) != ".hcl" {
		return spot{}, false
	}
	f := s.folders[dir]
	if f == nil {
		f = &folder{dir: dir, disk: map[string]text{}, open: map[string]document{}, tool: dsl.NewFolder()}
		s.folders[dir] = f
	}
	return spot{f, pipelineDir + "/" + filepath.Base(path)}, true
}

// opened is find for a file that the editor has open.
func (s *session) opened(uri string) (spot, document, bool) {
	at, ok := s.find(uri)
	if !ok {
		return spot{}, document{}, false
	}
	doc, ok := at.open[at.name]
	return at, doc, ok
}

func pathOf(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	path := u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/") // of /C:/house
	}
	return filepath.Clean(filepath.FromSlash(path)), true
}

func uriOf(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// uri names a file as the editor does.
func (f *folder) uri(name string) string {
	if doc, ok := f.open[name]; ok {
		return doc.uri
	}
	return uriOf(filepath.Join(f.dir, filepath.Base(name)))
}

// text answers what a file holds: in the editor, or else on disk.
func (f *folder) text(name string) text {
	if doc, ok := f.open[name]; ok {
		return doc.text
	}
	return f.disk[name]
}

func (f *folder) names() []string {
	names := slices.Collect(maps.Keys(f.disk))
	for name := range f.open {
		if _, saved := f.disk[name]; !saved {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// reload reads the folder again. What cannot be read counts as not there; the editor's own texts stay.
func (s *session) reload(f *folder) error {
	files, err := s.server.Read(f.dir)
	before := f.names()
	f.disk = map[string]text{}
	for _, file := range files {
		f.disk[file.Name] = newText(file.Data)
	}
	for _, name := range before {
		f.tool.Remove(name)
	}
	for _, name := range f.names() {
		f.tool.Set(dsl.File{Name: name, Data: f.text(name).data})
	}
	s.checker.ask(f)
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.dir, err)
	}
	return nil
}

func (s *session) didOpen(p didOpenParams) (any, error) {
	at, ok := s.find(p.Document.URI)
	if !ok {
		return nil, nil
	}
	at.open[at.name] = document{newText([]byte(p.Document.Text)), p.Document.URI, p.Document.Version}
	return nil, s.reload(at.folder)
}

func (s *session) didChange(p didChangeParams) (any, error) {
	at, doc, ok := s.opened(p.Document.URI)
	if !ok {
		return nil, nil
	}
	for _, c := range p.Changes {
		made, err := doc.apply(c)
		if err != nil {
			return nil, err
		}
		doc.text = made
	}
	doc.version = p.Document.Version
	at.open[at.name] = doc
	at.tool.Set(dsl.File{Name: at.name, Data: doc.data})
	s.checker.ask(at.folder)
	return nil, nil
}

func (s *session) didClose(p documentParams) (any, error) {
	at, ok := s.find(p.Document.URI)
	if !ok {
		return nil, nil
	}
	delete(at.open, at.name)
	at.tool.Remove(at.name)
	return nil, s.reload(at.folder)
}

func (s *session) didSave(p documentParams) (any, error) {
	at, ok := s.find(p.Document.URI)
	if !ok {
		return nil, nil
	}
	return nil, s.reload(at.folder)
}

func (s *session) didChangeWatchedFiles(p watchedParams) (any, error) {
	touched := map[*folder]bool{}
	for _, c := range p.Changes {
		if at, ok := s.find(c.URI); ok {
			touched[at.folder] = true
		}
	}
	for f := range touched {
		if err := s.reload(f); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
