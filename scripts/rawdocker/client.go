// Package rawdocker speaks to Docker as directly as one can: HTTP on its socket, with no library in between. So it is a yardstick
// for what is measured, and a witness of its own for what is tried.
package rawdocker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	base  = "http://docker/v1.41"
	limit = time.Minute // for a Call
)

// ErrGone says that there is nothing of that name.
var ErrGone = errors.New("it is not there")

// A Client speaks to one engine.
type Client struct {
	Socket string
	http   http.Client
}

// Local is a client of this machine's engine, or of the one that DOCKER_HOST names.
func Local() (*Client, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		return New("/var/run/docker.sock"), nil
	}
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return nil, fmt.Errorf("DOCKER_HOST is %s, and only a local engine will do", host)
	}
	return New(socket), nil
}

// New is a client of the engine behind a socket.
func New(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{Socket: socket, http: http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Call sends one request; in and out may be nil. In is JSON, or the body if it is a reader.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	body, isReader := in.(io.Reader)
	if !isReader && in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("writing a request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	if !isReader {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking Docker: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading Docker's answer: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w: %s", method, path, ErrGone, bytes.TrimSpace(data))
	case resp.StatusCode >= 400 || bytes.Contains(data, []byte(`"errorDetail"`)):
		return fmt.Errorf("%s %s: %s", method, path, bytes.TrimSpace(data))
	case out == nil || len(data) == 0:
		return nil
	}
	return json.Unmarshal(data, out)
}

// Stream reads an answer as it comes, for as long as it does. The caller closes it.
func (c *Client) Stream(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking Docker: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return resp.Body, nil
}
