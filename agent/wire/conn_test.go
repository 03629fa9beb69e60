package wire_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/tutti-ci/tutti/agent/wire"
)

// serve answers a server that does one thing with each request.
func serve(t testing.TB, do http.HandlerFunc) wire.Dialer {
	t.Helper()
	s := httptest.NewServer(do)
	t.Cleanup(s.Close)
	return wire.Dialer{URL: s.URL, Token: "secret"}
}

func TestControl(t *testing.T) {
	d := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if wire.Token(r) != "secret" {
			t.Errorf("the token arrives as %q", wire.Token(r))
		}
		c, err := wire.AcceptControl(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		e, err := c.Receive()
		if err != nil || e.Kind != wire.KindPing {
			t.Errorf("received %+v, %v", e, err)
		}
		if err := c.Send(wire.Cancel{Reason: "enough"}); err != nil {
			t.Error(err)
		}
		c.Close(wire.CloseReplaced, "somebody newer")
	})
	c, err := d.Control(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(wire.CloseNormal, "")
	if err := c.Send(wire.Ping{}); err != nil {
		t.Fatal(err)
	}
	e, err := c.Receive()
	if err != nil || e.Kind != wire.KindCancel {
		t.Fatalf("received %+v, %v", e, err)
	}
	if _, err := c.Receive(); wire.CloseCode(err) != wire.CloseReplaced {
		t.Errorf("the end comes as %v", err)
	}
}

func TestLogs(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789"), wire.MaxPayload/10)
	d := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("agent") != "me" || q.Get("session") != "5" {
			t.Errorf("the query arrives as %v", q)
		}
		c, err := wire.AcceptLogs(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close(wire.CloseNormal, "")
		for range 3 {
			f, err := c.Receive()
			data, ok := f.(wire.LogData)
			if err != nil || !ok || !bytes.Equal(data.Payload, payload) {
				t.Errorf("received another frame (%v)", err)
			}
			if err := c.Send(wire.LogAck{Stream: data.Stream, Length: data.Offset + int64(len(data.Payload))}); err != nil {
				t.Error(err)
			}
		}
	})
	c, err := d.Logs(t.Context(), "me", 5)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(wire.CloseNormal, "")
	for i := range 3 {
		off := int64(i * len(payload))
		if err := c.Send(wire.LogData{Stream: 1, Offset: off, Payload: payload}); err != nil {
			t.Fatal(err)
		}
		if f, err := c.Receive(); err != nil || f != (wire.LogAck{Stream: 1, Length: off + int64(len(payload))}) {
			t.Fatalf("received %+v, %v", f, err)
		}
	}
}

func TestBrowsersAreRefused(t *testing.T) {
	d := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := wire.AcceptControl(w, r); err == nil {
			t.Error("the connection was accepted")
		}
	})
	for name, header := range map[string]http.Header{
		"Origin": {"Origin": {"http://127.0.0.1"}},
		"Cookie": {"Cookie": {"session=1"}},
	} {
		dialer := websocket.Dialer{Subprotocols: []string{wire.ControlProtocol}}
		_, resp, err := dialer.DialContext(t.Context(), strings.Replace(d.URL, "http", "ws", 1)+wire.ControlPath, header)
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusal(t *testing.T) {
	d := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the agent token is wrong", http.StatusUnauthorized)
	})
	_, err := d.Control(t.Context())
	var refused *wire.RefusedError
	if !errors.As(err, &refused) || !refused.Denied() || refused.Message != "the agent token is wrong" {
		t.Errorf("the refusal arrives as %v", err)
	}
}

// TestReadLimit sends more than any message may have, past our own check.
func TestReadLimit(t *testing.T) {
	done := make(chan error, 1)
	d := serve(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := wire.AcceptControl(w, r)
		if err != nil {
			done <- err
			return
		}
		_, err = c.Receive()
		c.Close(wire.CloseProtocol, "")
		done <- err
	})
	dialer := websocket.Dialer{Subprotocols: []string{wire.ControlProtocol}}
	ws, _, err := dialer.DialContext(context.Background(), strings.Replace(d.URL, "http", "ws", 1)+wire.ControlPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	// The other end may hang up in the midst of it.
	_ = ws.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte(" "), wire.MaxMessage+1))
	if err := <-done; !errors.Is(err, websocket.ErrReadLimit) {
		t.Errorf("a message of more than MaxMessage is received with %v", err)
	}
}
