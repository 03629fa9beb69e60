package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// engine speaks to Docker as directly as one can: HTTP on its socket, no client in between. It is the yardstick.
type engine struct {
	http   http.Client
	socket string
}

func newEngine() (*engine, error) {
	socket := "/var/run/docker.sock"
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		path, ok := strings.CutPrefix(host, "unix://")
		if !ok {
			return nil, fmt.Errorf("DOCKER_HOST is %s, and the benchmark needs a local engine", host)
		}
		socket = path
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &engine{http: http.Client{Transport: &http.Transport{DialContext: dial}}, socket: socket}, nil
}

// call sends one request; out may be nil.
func (e *engine) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://docker/v1.41"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking Docker: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading Docker's answer: %w", err)
	}
	if resp.StatusCode >= 400 {
		return fmt.Errorf("%s %s: %s", method, path, bytes.TrimSpace(data))
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	return json.Unmarshal(data, out)
}

type created struct{ Id string } //nolint:revive // Docker's spelling

// startWithNetwork measures what a first container costs: a network of its own, create and start.
func (e *engine) startWithNetwork(ctx context.Context, image string) (took time.Duration, err error) {
	name := fmt.Sprintf("tutti-bench-%d", time.Now().UnixNano())
	began := time.Now()
	var network, container created
	if err := e.call(ctx, "POST", "/networks/create", map[string]any{"Name": name, "Labels": labels}, &network); err != nil {
		return 0, err
	}
	defer func() { err = firstError(err, e.call(ctx, "DELETE", "/networks/"+network.Id, nil, nil)) }()
	if err := e.create(ctx, image, name, []string{"sleep", "60"}, &container); err != nil {
		return 0, err
	}
	defer func() { err = firstError(err, e.remove(ctx, container.Id)) }()
	if err := e.call(ctx, "POST", "/containers/"+container.Id+"/start", nil, nil); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// oneActivity measures what a container for one empty step costs: create, start, wait, remove.
func (e *engine) oneActivity(ctx context.Context, image string) (time.Duration, error) {
	began := time.Now()
	var c created
	if err := e.create(ctx, image, "bridge", []string{"true"}, &c); err != nil {
		return 0, err
	}
	for _, step := range []string{"start", "wait"} {
		if err := e.call(ctx, "POST", "/containers/"+c.Id+"/"+step, nil, nil); err != nil {
			return 0, firstError(err, e.remove(ctx, c.Id))
		}
	}
	if err := e.remove(ctx, c.Id); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// logThroughAPI measures how long the output of a script takes through Docker's own log API, followed from the start.
func (e *engine) logThroughAPI(ctx context.Context, image, script string) (took time.Duration, bytesRead int64, err error) {
	var c created
	if err := e.create(ctx, image, "none", []string{"sh", "-c", script}, &c); err != nil {
		return 0, 0, err
	}
	defer func() { err = firstError(err, e.remove(ctx, c.Id)) }()
	began := time.Now()
	if err := e.call(ctx, "POST", "/containers/"+c.Id+"/start", nil, nil); err != nil {
		return 0, 0, err
	}
	resp, err := e.http.Get("http://docker/v1.41/containers/" + c.Id + "/logs?follow=1&stdout=1&stderr=1")
	if err != nil {
		return 0, 0, fmt.Errorf("reading Docker's log: %w", err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	return time.Since(began), n, err
}

var labels = map[string]string{"tutti.bench": "1"}

func (e *engine) create(ctx context.Context, image, network string, command []string, out *created) error {
	return e.call(ctx, "POST", "/containers/create", map[string]any{
		"Image": image, "Cmd": command, "Labels": labels, "HostConfig": map[string]any{"NetworkMode": network},
	}, out)
}

func (e *engine) remove(ctx context.Context, id string) error {
	return e.call(ctx, "DELETE", "/containers/"+id+"?force=1&v=1", nil, nil)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
