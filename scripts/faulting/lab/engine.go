package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// An Engine is a Docker engine, seen from outside of Tutti: HTTP on its socket.
type Engine struct {
	Socket string
	http   http.Client
}

// SharedEngine is the engine of this machine, which no fault may hurt.
func SharedEngine() (*Engine, error) {
	socket := "/var/run/docker.sock"
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		path, ok := strings.CutPrefix(host, "unix://")
		if !ok {
			return nil, fmt.Errorf("DOCKER_HOST is %s, and the faults need a local engine", host)
		}
		socket = path
	}
	return newEngine(socket), nil
}

func newEngine(socket string) *Engine {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Engine{Socket: socket, http: http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: time.Minute}}
}

// Call sends one request; in and out may be nil. In is JSON, or the body if it is a reader.
func (e *Engine) Call(ctx context.Context, method, path string, in, out any) error {
	body, isReader := in.(io.Reader)
	if !isReader && in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("writing a request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://docker/v1.41"+path, body)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	if !isReader {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := e.http.Do(req)
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
		return fmt.Errorf("%s %s: %w", method, path, errGone)
	case resp.StatusCode >= 400 || bytes.Contains(data, []byte(`"errorDetail"`)):
		return fmt.Errorf("%s %s: %s", method, path, bytes.TrimSpace(data))
	case out == nil || len(data) == 0:
		return nil
	}
	return json.Unmarshal(data, out)
}

// A Container is one as Docker lists it.
type Container struct {
	ID     string `json:"Id"`
	Names  []string
	State  string
	Labels map[string]string
}

// Containers lists the containers of an agent, running or not.
func (e *Engine) Containers(ctx context.Context, agent string) ([]Container, error) {
	var all []Container
	err := e.Call(ctx, "GET", "/containers/json?all=1&filters="+byAgent(agent), nil, &all)
	return all, err
}

// Networks lists the identifiers of the networks of an agent.
func (e *Engine) Networks(ctx context.Context, agent string) ([]string, error) {
	var all []struct{ ID string }
	err := e.Call(ctx, "GET", "/networks?filters="+byAgent(agent), nil, &all)
	ids := make([]string, len(all))
	for i, n := range all {
		ids[i] = n.ID
	}
	return ids, err
}

// Volumes lists the names of the volumes of an agent.
func (e *Engine) Volumes(ctx context.Context, agent string) ([]string, error) {
	var all struct{ Volumes []struct{ Name string } }
	err := e.Call(ctx, "GET", "/volumes?filters="+byAgent(agent), nil, &all)
	names := make([]string, len(all.Volumes))
	for i, v := range all.Volumes {
		names[i] = v.Name
	}
	return names, err
}

// Left lists all that an agent has on Docker.
func (e *Engine) Left(ctx context.Context, agent string) ([]string, error) {
	containers, err := e.Containers(ctx, agent)
	if err != nil {
		return nil, err
	}
	networks, err := e.Networks(ctx, agent)
	if err != nil {
		return nil, err
	}
	volumes, err := e.Volumes(ctx, agent)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, c := range containers {
		left = append(left, fmt.Sprintf("container %s (%s)", strings.Join(c.Names, " "), c.State))
	}
	for _, n := range networks {
		left = append(left, "network "+n[:min(12, len(n))])
	}
	for _, v := range volumes {
		left = append(left, "volume "+v)
	}
	slices.Sort(left)
	return left, nil
}

// Remove takes away all that an agent has on Docker, for faults that leave it by their nature.
func (e *Engine) Remove(ctx context.Context, agent string) {
	// What cannot be removed is reported by whoever looks what is left.
	containers, _ := e.Containers(ctx, agent)
	for _, c := range containers {
		_ = e.Call(ctx, "DELETE", "/containers/"+c.ID+"?force=1&v=1", nil, nil)
	}
	networks, _ := e.Networks(ctx, agent)
	for _, n := range networks {
		_ = e.Call(ctx, "DELETE", "/networks/"+n, nil, nil)
	}
	volumes, _ := e.Volumes(ctx, agent)
	for _, v := range volumes {
		_ = e.Call(ctx, "DELETE", "/volumes/"+v+"?force=1", nil, nil)
	}
}

func byAgent(agent string) string {
	return url.QueryEscape(`{"label":["tutti.agent=` + agent + `"]}`)
}
