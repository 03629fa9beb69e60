package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// serve answers a client of a server that answers with these handlers.
func serve(t *testing.T, handle http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return &client.Client{Server: s.URL, Token: "secret"}
}

// cut breaks a connection off in the middle of its answer.
func cut(w http.ResponseWriter) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		panic(err)
	}
	panic(http.ErrAbortHandler)
}

// numbers follows the changes of a run, and answers how they are numbered.
func numbers(t *testing.T, c *client.Client) (seqs []int64, err error) {
	t.Helper()
	err = c.Changes(t.Context(), 1, 0, func(ch server.Change) error {
		seqs = append(seqs, ch.Seq)
		return nil
	})
	return seqs, err
}

func TestChangesResumeWhereTheyWereCut(t *testing.T) {
	const last = 50
	requests := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		after, err := strconv.Atoi(r.URL.Query().Get("after"))
		if err != nil {
			t.Errorf("after: %v", err)
		}
		// What was seen already is repeated, as a server may after a restart.
		for seq := max(1, after); seq <= last; seq++ {
			fmt.Fprintf(w, ": heartbeat\n\nid: %d\nevent: job\ndata: {\"seq\":%d,\n", seq, seq)
			fmt.Fprintf(w, "data: \"job\":\"j\"}\n\n")
			if seq%7 == 0 && seq > after {
				cut(w)
			}
		}
		fmt.Fprint(w, "event: end\ndata: {}\n\n")
	})
	seqs, err := numbers(t, c)
	if err != nil {
		t.Fatal(err)
	}
	for i, seq := range seqs {
		if seq != int64(i+1) {
			t.Fatalf("change %d has number %d", i+1, seq)
		}
	}
	if len(seqs) != last || requests < 7 {
		t.Errorf("got %d of %d changes in %d requests", len(seqs), last, requests)
	}
}

// A server that was restored from a backup never gave out some numbers, and may give them out again for something else.
func TestChangesBeginAnewAfterARestore(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "0" {
			fmt.Fprint(w, "event: run\ndata: {\"seq\":1}\n\nevent: job\ndata: {\"seq\":3}\n\n")
			cut(w)
		}
		fmt.Fprint(w, "event: reset\ndata: {}\n\nevent: run\ndata: {\"seq\":1}\n\nevent: job\ndata: {\"seq\":2}\n\nevent: end\ndata: {}\n\n")
	})
	seqs, err := numbers(t, c)
	if fmt.Sprint(seqs) != "[1 3 1 2]" || err != nil {
		t.Errorf("the changes have the numbers %v, %v", seqs, err)
	}
}

// A server that was there once is waited for, and somebody is told of it.
func TestAServerThatIsAwayIsWaitedFor(t *testing.T) {
	requests, told := 0, 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests > 1 && requests < 9 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error":{"code":"unavailable","message":"a backup is being restored"}}`)
			return
		}
		if requests > 1 {
			w.WriteHeader(http.StatusPartialContent)
		}
		fmt.Fprint(w, "log")
		if requests == 1 {
			cut(w)
		}
	})
	c.Waiting = func(err error) {
		told++
		if err.Error() != "a backup is being restored" {
			t.Errorf("it waits because of %v", err)
		}
	}
	var got bytes.Buffer
	if err := c.LogOf(t.Context(), server.LogID{Run: 1, Job: "j", Epoch: 1, Activity: "a"}, 0, true, &got); err != nil || got.String() != "loglog" || told != 1 {
		t.Errorf("after %d requests came %q, %v; it was told %d times", requests, got.String(), err, told)
	}
}

func TestLogResumesWhereItWasCut(t *testing.T) {
	text := strings.Repeat("0123456789\n", 1000)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Tutti-Epoch", "7")
		from := 0
		if spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
			var err error
			if from, err = strconv.Atoi(strings.TrimSuffix(spec, "-")); err != nil {
				t.Errorf("range %q: %v", spec, err)
			}
			w.WriteHeader(http.StatusPartialContent)
		}
		if epoch := r.URL.Query().Get("epoch"); from > 0 && epoch != "7" {
			t.Errorf("it is resumed with epoch %q, want 7", epoch)
		}
		end := min(from+3001, len(text))
		fmt.Fprint(w, text[from:end])
		if end < len(text) {
			cut(w)
		}
	})
	var got bytes.Buffer
	if err := c.Log(t.Context(), 1, "j", "a", 0, true, &got); err != nil {
		t.Fatal(err)
	}
	if got.String() != text {
		t.Errorf("%d bytes arrived, or others than the %d that were sent", got.Len(), len(text))
	}
}

func TestTheCallersErrorEndsAStream(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "event: run\ndata: {\"seq\":1}\n\n")
	})
	enough := errors.New("enough")
	if err := c.Changes(t.Context(), 1, 0, func(server.Change) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestErrors(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("the token is not sent")
		}
		if r.URL.Path == "/api/v1/runs/7" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"code":"not_found","message":"there is no run 7"}}`)
			return
		}
		http.Error(w, "<html>a proxy</html>", http.StatusBadGateway)
	})
	_, err := c.Run(t.Context(), 7)
	if server.KindOf(err) != server.NotFound || err.Error() != "there is no run 7" {
		t.Errorf("got %q of kind %s", err, server.KindOf(err))
	}
	if _, err := c.Run(t.Context(), 8); err == nil || strings.Contains(err.Error(), "html") {
		t.Errorf("a proxy's answer gives %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	gone := &client.Client{Server: "http://" + l.Addr().String()}
	var unreachable *client.UnreachableError
	if err := gone.Changes(t.Context(), 1, 0, nil); !errors.As(err, &unreachable) {
		t.Errorf("a server that was never there gives %v, and at once", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Runs(ctx, "", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled call gives %v", err)
	}
}
