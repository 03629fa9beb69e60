package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

func TestWorkspaces(t *testing.T) {
	var fetches, failures atomic.Int64
	failures.Store(1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("agent") != "me" || r.URL.Query().Get("epoch") != "1" || wire.Token(r) != "secret" {
			t.Errorf("the request is %s with %v", r.URL, r.Header)
		}
		n := fetches.Add(1)
		fmt.Fprint(w, "half of it")
		if failures.Add(-1) >= 0 {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, " and the other half %d", n)
	}))
	defer web.Close()
	dir := filepath.Join(t.TempDir(), "workspaces")
	s, err := openWorkspaces(dir, func() wire.Dialer { return wire.Dialer{URL: web.URL, Token: "secret"} }, "me", slog.New(slog.DiscardHandler))
	must(t, err)

	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			file, err := s.open(t.Context(), offer(1))
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			if got, err := io.ReadAll(file); err != nil || string(got) != "half of it and the other half 2" {
				t.Errorf("the workspace is %q (%v)", got, err)
			}
		})
	}
	done.Wait()
	if n := fetches.Load(); n != 2 {
		t.Errorf("there were %d requests, want 2", n)
	}

	for i := range maxWorkspaces + 5 {
		o := offer(1)
		o.Commit = fmt.Sprintf("c%d", i)
		file, err := s.open(t.Context(), o)
		must(t, err)
		must(t, file.Close())
	}
	found, err := os.ReadDir(dir)
	must(t, err)
	if len(found) != maxWorkspaces {
		t.Errorf("the cache holds %d workspaces", len(found))
	}
	bad := offer(1)
	bad.Commit = "../../etc/passwd"
	if _, err := s.open(t.Context(), bad); err == nil {
		t.Error("a commit that is a path was taken")
	}
}

// TestWorkspacesCannotBePruned has the tidying of the cache fail: the job can run all the same.
func TestWorkspacesCannotBePruned(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "files") }))
	defer web.Close()
	dir := filepath.Join(t.TempDir(), "workspaces")
	s, err := openWorkspaces(dir, func() wire.Dialer { return wire.Dialer{URL: web.URL, Token: "secret"} }, "me", slog.New(slog.DiscardHandler))
	must(t, err)
	for i := range maxWorkspaces + 1 { // folders that are not empty cannot be removed
		must(t, os.MkdirAll(filepath.Join(dir, fmt.Sprintf("f%d.tar", i), "x"), 0o700))
	}
	file, err := s.open(t.Context(), offer(1))
	must(t, err)
	defer file.Close()
	if got, err := io.ReadAll(file); err != nil || string(got) != "files" {
		t.Errorf("the workspace is %q (%v)", got, err)
	}
}

// TestWorkspaceWaitsForTheServer has the server be away, refuse, and then be itself: a job must not be lost by that.
func TestWorkspaceWaitsForTheServer(t *testing.T) {
	var requests atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch requests.Add(1) {
		case 1:
			http.Error(w, "the server is being stopped", http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			fmt.Fprint(w, "files")
		default:
			http.Error(w, "there is no such commit", http.StatusNotFound)
		}
	}))
	defer web.Close()
	s, err := openWorkspaces(filepath.Join(t.TempDir(), "workspaces"), func() wire.Dialer { return wire.Dialer{URL: web.URL, Token: "secret"} }, "me", slog.New(slog.DiscardHandler))
	must(t, err)
	file, err := s.open(t.Context(), offer(1))
	must(t, err)
	defer file.Close()
	if got, err := io.ReadAll(file); err != nil || string(got) != "files" || requests.Load() != 3 {
		t.Errorf("the workspace is %q (%v) after %d requests", got, err, requests.Load())
	}
	other := offer(1)
	other.Commit = "c2"
	if _, err := s.open(t.Context(), other); err == nil || requests.Load() != 4 {
		t.Errorf("a refusal for good was tried again: %v after %d requests", err, requests.Load())
	}
}

// hanging is a server that begins to send files and then nothing more, without hanging up, so many times.
type hanging struct{ times int }

func (h *hanging) RoundTrip(req *http.Request) (*http.Response, error) {
	body := io.Reader(strings.NewReader("files"))
	if h.times--; h.times >= 0 {
		body = io.MultiReader(strings.NewReader("fi"), hungBody{req.Context()})
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body), Request: req}, nil
}

type hungBody struct{ ctx context.Context }

func (b hungBody) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

// TestWorkspaceFromAHungServer has connections that look whole, and on which nothing comes.
func TestWorkspaceFromAHungServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "workspaces")
	synctest.Test(t, func(t *testing.T) {
		s, err := openWorkspaces(dir, func() wire.Dialer { return wire.Dialer{URL: "http://ci.example.com"} }, "me", slog.New(slog.DiscardHandler))
		must(t, err)
		s.client.Transport = &hanging{times: 2}
		began := time.Now()
		file, err := s.open(t.Context(), offer(1))
		must(t, err)
		defer file.Close()
		if got, err := io.ReadAll(file); err != nil || string(got) != "files" {
			t.Errorf("the workspace is %q (%v)", got, err)
		}
		if took := time.Since(began); took < 2*fetchSilence || took > 3*fetchSilence {
			t.Errorf("it took %s", took)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "fetch-*")); err != nil || len(left) > 0 {
			t.Errorf("left: %v (%v)", left, err)
		}
	})
}
