package lab

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Registry serves one small image under any name, and can refuse it in several ways.
type Registry struct {
	t      *T
	server *httptest.Server
	host   string
	blobs  map[string][]byte
	first  string // digest of the manifest
	mu     sync.Mutex
	mode   string
	pulled int
}

// Registry starts one on loopback, which Docker speaks plain HTTP with. Images that were pulled are removed at the end.
func (t *T) Registry(engine *Engine) *Registry {
	r := &Registry{t: t, blobs: map[string][]byte{}}
	r.fill()
	r.server = httptest.NewServer(r)
	r.host = strings.TrimPrefix(r.server.URL, "http://")
	t.Defer(func() {
		r.server.CloseClientConnections()
		r.server.Close()
		ctx, cancel := t.limited(30 * time.Second)
		defer cancel()
		for _, name := range []string{"a", "b", "c", "d"} {
			_ = engine.Call(ctx, "DELETE", "/images/"+r.Image(name)+"?force=1", nil, nil) // most were never pulled
		}
	})
	return r
}

// Image is the name of an image that it serves.
func (r *Registry) Image(name string) string { return r.host + "/" + name + ":1" }

// Set makes it "serve" or "hang" in the middle of a layer, or answer with a status: "401", "429", "500".
func (r *Registry) Set(mode string) {
	r.t.Logf("the registry is to %s", mode)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mode = mode
}

// Drop cuts all connections: who waits for the other half of a layer asks again.
func (r *Registry) Drop() { r.server.CloseClientConnections() }

// Asked is how many requests came.
func (r *Registry) Asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pulled
}

// fill makes the image: the root of the witness.
func (r *Registry) fill() {
	root, err := r.t.rootTar(strconv.FormatUint(r.t.Rand.Uint64(), 16)) // Docker would not ask for a layer that it has
	r.t.Must(err, "making an image")
	var layer bytes.Buffer
	z := gzip.NewWriter(&layer)
	_, err = z.Write(root)
	r.t.Must(err, "making an image")
	r.t.Must(z.Close(), "making an image")
	config := r.add(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(root)}},
	})
	const kind = "application/vnd.docker."
	r.blobs[digest(layer.Bytes())] = layer.Bytes()
	r.first = r.add(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": kind + "container.image.v1+json", "size": len(r.blobs[config]), "digest": config},
		"layers": []any{map[string]any{"mediaType": kind + "image.rootfs.diff.tar.gzip", "size": layer.Len(), "digest": digest(layer.Bytes())}},
	})
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func (r *Registry) add(v any) string {
	data, err := json.Marshal(v)
	r.t.Must(err, "making an image")
	r.blobs[digest(data)] = data
	return digest(data)
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// ServeHTTP implements the part of the registry's API that a pull needs.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	mode := r.mode
	r.pulled++
	r.mu.Unlock()
	_, name, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/")
	kind, id, _ := strings.Cut(name, "/")
	switch {
	case req.URL.Path == "/v2/":
		return
	case mode == "401" || mode == "429" || mode == "500":
		code := map[string]string{"401": "UNAUTHORIZED", "429": "TOOMANYREQUESTS", "500": "UNKNOWN"}[mode]
		http.Error(w, `{"errors":[{"code":"`+code+`","message":"the registry says `+mode+`"}]}`, map[string]int{"401": 401, "429": 429, "500": 500}[mode])
		return
	case kind == "manifests":
		id = r.first
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", id)
	}
	blob, ok := r.blobs[id]
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
	if mode == "hang" && len(blob) > 100_000 {
		_, _ = w.Write(blob[:len(blob)/2]) // the other half never comes
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
		return
	}
	_, _ = w.Write(blob) // the client may be gone
}
