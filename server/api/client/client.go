// Package client is the Go client of the server's HTTP API, as the command line uses it.
//
// It owns the requests, the way back from an error body to a server.Error, and streams that resume where they were cut.
// It prints nothing and decides nothing.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/tutti-ci/tutti/server"
)

// A Client talks to one server.
type Client struct {
	Server string // its base URL: "http://127.0.0.1:8884"
	Token  string
	HTTP   *http.Client // http.DefaultClient if nil
	// Waiting is told why, when a stream cannot be resumed at once and is tried again; nil for nobody.
	Waiting func(err error)

	answered atomic.Bool // the server did, at least once
}

// An UnreachableError says that no server answered.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no server answers at %s: %v", e.Server, e.Err)
}

// Unwrap answers the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// StartRequest asks for a run.
type StartRequest struct {
	Pipeline string            `json:"pipeline,omitempty"`
	Ref      string            `json:"ref,omitempty"`
	Inputs   map[string]string `json:"inputs,omitempty"`
}

// Projects lists the projects.
func (c *Client) Projects(ctx context.Context) ([]server.Project, error) {
	var out struct {
		Projects []server.Project `json:"projects"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/projects", nil, &out)
	return out.Projects, err
}

// AddProject registers a project.
func (c *Client) AddProject(ctx context.Context, name, url string) (server.Project, error) {
	var out server.Project
	err := c.call(ctx, http.MethodPost, "/api/v1/projects", map[string]string{"name": name, "url": url}, &out)
	return out, err
}

// Push tells the server that something was pushed to a project, and answers the runs that came of it.
func (c *Client) Push(ctx context.Context, project string) ([]server.Run, error) {
	var out struct {
		Runs []server.Run `json:"runs"`
	}
	err := c.call(ctx, http.MethodPost, projectPath(project)+"/push", struct{}{}, &out)
	return out.Runs, err
}

// Start starts a pipeline by hand.
func (c *Client) Start(ctx context.Context, project string, req StartRequest) (server.Run, error) {
	var out server.Run
	err := c.call(ctx, http.MethodPost, projectPath(project)+"/runs", req, &out)
	return out, err
}

// Runs lists runs, the newest first; project may be empty, limit 0 means the server's own.
func (c *Client) Runs(ctx context.Context, project string, limit int) ([]server.Run, error) {
	query := url.Values{}
	if project != "" {
		query.Set("project", project)
	}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	var out struct {
		Runs []server.Run `json:"runs"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/runs?"+query.Encode(), nil, &out)
	return out.Runs, err
}

// Run answers one run with its jobs.
func (c *Client) Run(ctx context.Context, id server.RunID) (server.Run, error) {
	var out server.Run
	err := c.call(ctx, http.MethodGet, runPath(id), nil, &out)
	return out, err
}

// Approve approves what an approval of a run asks, and answers the run.
func (c *Client) Approve(ctx context.Context, id server.RunID, job, comment string) (server.Run, error) {
	return c.decide(ctx, id, job, "approve", comment)
}

// Reject rejects what an approval of a run asks, and answers the run.
func (c *Client) Reject(ctx context.Context, id server.RunID, job, comment string) (server.Run, error) {
	return c.decide(ctx, id, job, "reject", comment)
}

func (c *Client) decide(ctx context.Context, id server.RunID, job, verb, comment string) (server.Run, error) {
	var out server.Run
	err := c.call(ctx, http.MethodPost, runPath(id)+"/jobs/"+url.PathEscape(job)+"/"+verb, map[string]string{"comment": comment}, &out)
	return out, err
}

// Cancel ends a run, and answers it. What runs after a cancellation ends when it is canceled once more.
func (c *Client) Cancel(ctx context.Context, id server.RunID) (server.Run, error) {
	var out server.Run
	err := c.call(ctx, http.MethodPost, runPath(id)+"/cancel", struct{}{}, &out)
	return out, err
}

// Agents lists the agents.
func (c *Client) Agents(ctx context.Context) ([]server.Agent, error) {
	var out struct {
		Agents []server.Agent `json:"agents"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/agents", nil, &out)
	return out.Agents, err
}

// LoginLink makes a one-use link that signs a person in.
func (c *Client) LoginLink(ctx context.Context) (string, error) {
	var out struct {
		URL string `json:"url"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/login-links", struct{}{}, &out)
	return out.URL, err
}

func projectPath(name string) string { return "/api/v1/projects/" + url.PathEscape(name) }

func runPath(id server.RunID) string {
	return "/api/v1/runs/" + strconv.FormatInt(int64(id), 10)
}

// call sends one JSON request and decodes its answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("writing request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	resp, err := c.do(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("reading the answer of %s %s: %w", method, path, err)
	}
	return nil
}

// do sends one request and answers a response that is good; anything else is an error.
func (c *Client) do(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	base := strings.TrimSuffix(c.Server, "/")
	req, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		return nil, server.Errorf(server.Invalid, "%q is not the URL of a server: %w", c.Server, err)
	}
	for key, values := range header {
		req.Header[key] = values
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &UnreachableError{Server: base, Err: shortCause(err)}
	}
	c.answered.Store(true)
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, errorOf(resp)
	}
	return resp, nil
}

// shortCause takes the method and URL off an http error: the caller says them in its own words.
func shortCause(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}

// errorOf turns an error answer back into the server's error.
func errorOf(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("reading the server's error (%s): %w", resp.Status, err)
	}
	var body struct {
		Error struct {
			Code    server.Kind `json:"code"`
			Message string      `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(data, &body) != nil || body.Error.Message == "" {
		return fmt.Errorf("the server answered %s, which no Tutti server does at this address", resp.Status)
	}
	return &server.Error{Kind: body.Error.Code, Message: body.Error.Message}
}
