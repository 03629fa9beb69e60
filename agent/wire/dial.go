package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// A Dialer is the agent's way to its server.
type Dialer struct {
	URL   string // of the server: "https://ci.example.com"
	Token string
}

// dialTimeout bounds the way to an open connection.
const dialTimeout = 15 * time.Second

// logBuffer holds a LogData of the full size with some marks, so that it goes out in one piece.
const logBuffer = MaxPayload + 16<<10

// A RefusedError is the server's answer to a request that it did not take.
type RefusedError struct {
	Status  int
	Message string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the server answers %d: %s", e.Status, e.Message)
}

// Denied says whether the token is to blame, so that to try again soon is no use.
func (e *RefusedError) Denied() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// Control opens the first connection.
func (d Dialer) Control(ctx context.Context) (*Control, error) {
	ws, line, err := d.dial(ctx, ControlPath, nil, websocket.Dialer{Subprotocols: []string{ControlProtocol}})
	if err != nil {
		return nil, err
	}
	c := &Control{conn{ws: ws}}
	c.setUp(line)
	return c, nil
}

// Logs opens the second connection, for a session that was welcomed on the first.
func (d Dialer) Logs(ctx context.Context, agent string, session int64) (*Logs, error) {
	query := url.Values{"agent": {agent}, "session": {strconv.FormatInt(session, 10)}}
	ws, line, err := d.dial(ctx, LogPath, query, websocket.Dialer{Subprotocols: []string{LogProtocol}, WriteBufferSize: logBuffer})
	if err != nil {
		return nil, err
	}
	c := &Logs{conn: conn{ws: ws}}
	c.setUp(line)
	return c, nil
}

func (d Dialer) dial(ctx context.Context, path string, query url.Values, dialer websocket.Dialer) (*websocket.Conn, *lifeline, error) {
	target, err := d.target(path, query)
	if err != nil {
		return nil, nil, err
	}
	target.Scheme = strings.Replace(target.Scheme, "http", "ws", 1)
	var line *lifeline
	dialer.HandshakeTimeout = dialTimeout
	dialer.Proxy = http.ProxyFromEnvironment
	dialer.NetDialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var plain net.Dialer
		conn, err := plain.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		line = newLifeline(conn)
		return line, nil
	}
	ws, resp, err := dialer.DialContext(ctx, target.String(), d.header())
	if err != nil {
		if resp != nil {
			return nil, nil, refused(resp)
		}
		return nil, nil, fmt.Errorf("connecting to %s: %w", d.URL, err)
	}
	return ws, line, nil
}

// WorkspaceRequest makes the request for the files of a job.
func (d Dialer) WorkspaceRequest(ctx context.Context, agent string, c Claim) (*http.Request, error) {
	query := url.Values{"agent": {agent}, "epoch": {strconv.FormatInt(c.Epoch, 10)}}
	target, err := d.target(fmt.Sprintf("/agent/v1/runs/%d/jobs/%s/workspace", c.Run, url.PathEscape(c.Job)), query)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking for the workspace: %w", err)
	}
	req.Header = d.header()
	return req, nil
}

// Check says what is wrong with the URL, without asking anybody.
func (d Dialer) Check() error {
	_, err := d.target("", nil)
	return err
}

func (d Dialer) target(path string, query url.Values) (*url.URL, error) {
	base, err := url.Parse(d.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the URL of a server, as in https://ci.example.com", d.URL)
	}
	target := base.JoinPath(path)
	target.RawQuery = query.Encode()
	return target, nil
}

func (d Dialer) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + d.Token}}
}

// refused makes an error of an answer. A sentence is enough of its body.
func refused(resp *http.Response) error {
	defer resp.Body.Close() // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, 2<<10))
	text := strings.TrimSpace(string(body))
	var answer struct { // of a server of ours; a proxy's may be anything
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	switch {
	case json.Unmarshal(body, &answer) == nil && answer.Error.Message != "":
		text = answer.Error.Message
	case err != nil || text == "":
		text = http.StatusText(resp.StatusCode)
	}
	return &RefusedError{Status: resp.StatusCode, Message: text}
}

// CheckResponse answers a *RefusedError for what is not a success.
func CheckResponse(resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return refused(resp)
}
