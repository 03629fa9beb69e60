package wire

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/websocket"
)

// AcceptControl takes the first connection on the server. If it fails, the request was answered.
func AcceptControl(w http.ResponseWriter, r *http.Request) (*Control, error) {
	ws, line, err := accept(w, r, ControlProtocol)
	if err != nil {
		return nil, err
	}
	c := &Control{conn{ws: ws}}
	c.setUp(line)
	return c, nil
}

// AcceptLogs takes the second connection on the server. If it fails, the request was answered.
func AcceptLogs(w http.ResponseWriter, r *http.Request) (*Logs, error) {
	ws, line, err := accept(w, r, LogProtocol)
	if err != nil {
		return nil, err
	}
	c := &Logs{conn: conn{ws: ws}}
	c.setUp(line)
	return c, nil
}

func accept(w http.ResponseWriter, r *http.Request, protocol string) (*websocket.Conn, *lifeline, error) {
	if IsBrowser(r) {
		http.Error(w, "this address is for agents, not for browsers", http.StatusForbidden)
		return nil, nil, fmt.Errorf("accepting %s: the request carries an Origin or a cookie", protocol)
	}
	if !slices.Contains(websocket.Subprotocols(r), protocol) {
		http.Error(w, "this address speaks the websocket protocol "+protocol, http.StatusBadRequest)
		return nil, nil, fmt.Errorf("accepting %s: the request is not for it", protocol)
	}
	upgrader := websocket.Upgrader{
		Subprotocols: []string{protocol},
		CheckOrigin:  func(*http.Request) bool { return true }, // there is none
	}
	taken := &hijacker{ResponseWriter: w}
	ws, err := upgrader.Upgrade(taken, r, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("accepting %s: %w", protocol, err)
	}
	return ws, taken.line, nil
}

// A hijacker makes a lifeline of the connection that an upgrade takes over.
type hijacker struct {
	http.ResponseWriter
	line *lifeline
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.line = newLifeline(conn)
	return h.line, buffers, nil
}

// IsBrowser recognises a request that a page in a browser may have made with its user's rights.
func IsBrowser(r *http.Request) bool {
	return r.Header["Origin"] != nil || r.Header["Cookie"] != nil
}

// Token answers the token that a request carries, or "".
func Token(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}
