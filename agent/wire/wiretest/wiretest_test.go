package wiretest_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tutti-ci/tutti/agent/wire/wiretest"
)

// echo is a server that sends each message back.
func echo(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			kind, data, err := ws.ReadMessage()
			if err != nil {
				return
			}
			if string(data) == "bye" {
				_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4409, "enough"), time.Now().Add(time.Second))
				return
			}
			if ws.WriteMessage(kind, data) != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(url, "http", "ws", 1)+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return ws
}

// TestMangler sends numbered messages with one kind of fault at a time, and looks at what came back.
func TestMangler(t *testing.T) {
	const n = 200
	late := 20 * time.Millisecond
	for name, c := range map[string]struct {
		faults wiretest.Faults
		wrong  func(got []string, counts wiretest.Counts) bool
	}{
		"None": {wiretest.Faults{}, func(got []string, c wiretest.Counts) bool { return len(got) != n || !ordered(got) }},
		"Drop": {wiretest.Faults{Drop: .3}, func(got []string, c wiretest.Counts) bool {
			return len(got) != n-c.Dropped || c.Dropped < n/3 || !ordered(got)
		}},
		"Duplicate": {wiretest.Faults{Duplicate: .3, Late: late}, func(got []string, c wiretest.Counts) bool { return len(got) != n+c.Duplicated || c.Duplicated < n/3 }},
		"Reorder":   {wiretest.Faults{Reorder: .3, Late: late}, func(got []string, c wiretest.Counts) bool { return len(got) != n || ordered(got) }},
		"Delay":     {wiretest.Faults{Delay: .1, Late: late}, func(got []string, c wiretest.Counts) bool { return len(got) != n || !ordered(got) || c.Delayed == 0 }},
		"Corrupt":   {wiretest.Faults{Corrupt: .3}, func(got []string, c wiretest.Counts) bool { return len(got) != n || ordered(got) || c.Corrupted < n/3 }},
		"Spared": {wiretest.Faults{Drop: 1, Spare: func(m wiretest.Message) bool { return m.Path == "/x" }},
			func(got []string, c wiretest.Counts) bool { return len(got) != n || !ordered(got) }},
	} {
		t.Run(name, func(t *testing.T) {
			c.faults.Seed = 7
			m, err := wiretest.NewMangler(echo(t), c.faults)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			ws := dial(t, m.URL)
			for i := range n {
				if err := ws.WriteMessage(websocket.BinaryMessage, fmt.Appendf(nil, "%04d", i)); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for {
				_ = ws.SetReadDeadline(time.Now().Add(10*late + 100*time.Millisecond))
				_, data, err := ws.ReadMessage()
				if err != nil {
					break
				}
				got = append(got, string(data))
			}
			if counts := m.Counts(); c.wrong(got, counts) {
				t.Errorf("with %+v %d messages came back: %v", counts, len(got), got)
			}
		})
	}
}

func ordered(got []string) bool {
	for i := range got {
		if i > 0 && got[i] <= got[i-1] || strings.Trim(got[i], "0123456789") != "" {
			return false
		}
	}
	return true
}

func TestManglerPassesOnTheEnd(t *testing.T) {
	m, err := wiretest.NewMangler(echo(t), wiretest.Faults{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ws := dial(t, m.URL)
	if err := ws.WriteMessage(websocket.TextMessage, []byte("bye")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, 4409) {
		t.Errorf("the end arrives as %v", err)
	}
}

// bytesEcho is a TCP server that sends each byte back.
func bytesEcho(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// newLink answers a link to an echo, with these conditions.
func newLink(t *testing.T, c wiretest.Conditions) *wiretest.Link {
	t.Helper()
	l, err := wiretest.NewLink(bytesEcho(t), 3, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// connect goes through a link.
func connect(t *testing.T, l *wiretest.Link) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestLink sends bytes there and back and measures.
func TestLink(t *testing.T) {
	for name, c := range map[string]struct {
		conditions wiretest.Conditions
		size       int
		least      time.Duration
	}{
		"Free":    {wiretest.Conditions{}, 1 << 20, 0},
		"Slow":    {wiretest.Conditions{Rate: 100_000}, 50_000, 450 * time.Millisecond},
		"Late":    {wiretest.Conditions{Latency: 100 * time.Millisecond}, 1, 200 * time.Millisecond},
		"Lossy":   {wiretest.Conditions{Loss: .3}, 15_000, 200 * time.Millisecond},
		"Blocked": {wiretest.Conditions{NoUp: true}, 1, time.Hour},
		"OneWay":  {wiretest.Conditions{NoDown: true}, 1, time.Hour},
		"Idle":    {wiretest.Conditions{Latency: time.Second, Idle: 100 * time.Millisecond}, 1, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLink(t, c.conditions)
			conn := connect(t, l)
			want := bytes.Repeat([]byte("0123456789"), c.size/10+1)[:c.size]
			began := time.Now()
			go func() { _, _ = conn.Write(want) }()
			limit := 20 * time.Second
			if c.least == time.Hour {
				limit = 500 * time.Millisecond
			}
			_ = conn.SetReadDeadline(began.Add(limit))
			got := make([]byte, c.size)
			_, err := io.ReadFull(conn, got)
			took := time.Since(began)
			switch {
			case c.least == time.Hour && err == nil:
				t.Error("bytes came through")
			case c.least < time.Hour && (err != nil || !bytes.Equal(got, want)):
				t.Errorf("other bytes came back: %v", err)
			case c.least < time.Hour && took < c.least:
				t.Errorf("it took %s, want at least %s", took, c.least)
			}
		})
	}
}

// TestLinkIsShared has one connection that floods the link, and another that gets its share.
func TestLinkIsShared(t *testing.T) {
	l := newLink(t, wiretest.Conditions{Rate: 200_000})
	flood := connect(t, l)
	go func() {
		for {
			if _, err := flood.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}()
	go func() { _, _ = io.Copy(io.Discard, flood) }()
	other := connect(t, l)
	if _, err := other.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = other.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(other, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	l.Cut()
	if _, err := other.Read(make([]byte, 1)); err == nil {
		t.Error("a connection survives the cut")
	}
}
