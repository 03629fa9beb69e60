package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/tutti-ci/tutti/server/terminal"
)

//go:embed static
var staticFiles embed.FS

// assets are the files under /static/{hash}/. The hash covers all of them, so that scripts can import each other by
// relative names, and a browser may keep what it has for ever.
type assets struct {
	base  string // "/static/0123456789ab/"
	files map[string]asset
}

type asset struct {
	kind         string // Content-Type
	body, packed []byte // packed is gzip's
}

func openAssets() (*assets, error) {
	a := &assets{files: map[string]asset{}}
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		return a.add(strings.TrimPrefix(name, "static/"), body)
	})
	if err != nil {
		return nil, fmt.Errorf("reading static files: %w", err)
	}
	if err := a.add("sgr.css", []byte(terminal.CSS(".x"))); err != nil {
		return nil, err
	}
	a.base = "/static/" + a.hash() + "/"
	return a, nil
}

func (a *assets) add(name string, body []byte) error {
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // not what the machine's own tables say
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	if _, err := z.Write(body); err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	a.files[name] = asset{kind: kind, body: body, packed: packed.Bytes()}
	return nil
}

// hash is the same for the same files.
func (a *assets) hash() string {
	h := sha256.New()
	for _, name := range sortedKeys(a.files) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(a.files[name].body), a.files[name].body)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// ServeHTTP answers a file. One of another release is not there: its page must be loaded again.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ours := strings.CutPrefix(r.URL.Path, a.base)
	file, ok := a.files[name]
	if !ours || !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := file.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = file.packed
	}
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// url answers where a file is.
func (a *assets) url(name string) (string, error) {
	if _, ok := a.files[name]; !ok {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	return a.base + name, nil
}

// scripts names all scripts, for a page that needs them at once: else a browser finds them one import after the other.
func (a *assets) scripts() []string {
	var names []string
	for _, name := range sortedKeys(a.files) {
		if path.Ext(name) == ".js" {
			names = append(names, name)
		}
	}
	return names
}
