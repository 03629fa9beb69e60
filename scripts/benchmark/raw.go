package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tutti-ci/tutti/scripts/rawdocker"
)

// engine is Docker without Tutti, as fast as it can be asked: the yardstick.
type engine struct{ *rawdocker.Client }

type created struct{ Id string } //nolint:revive // Docker's spelling

// startWithNetwork measures what a first container costs: a network of its own, create and start.
func (e engine) startWithNetwork(ctx context.Context, image string) (took time.Duration, err error) {
	name := fmt.Sprintf("tutti-bench-%d", time.Now().UnixNano())
	began := time.Now()
	var network, container created
	if err := e.Call(ctx, "POST", "/networks/create", map[string]any{"Name": name, "Labels": labels}, &network); err != nil {
		return 0, err
	}
	defer func() { err = firstError(err, e.Call(ctx, "DELETE", "/networks/"+network.Id, nil, nil)) }()
	if err := e.create(ctx, image, name, []string{"sleep", "60"}, &container); err != nil {
		return 0, err
	}
	defer func() { err = firstError(err, e.remove(ctx, container.Id)) }()
	if err := e.Call(ctx, "POST", "/containers/"+container.Id+"/start", nil, nil); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// oneActivity measures what a container for one empty step costs: create, start, wait, remove.
func (e engine) oneActivity(ctx context.Context, image string) (time.Duration, error) {
	began := time.Now()
	var c created
	if err := e.create(ctx, image, "bridge", []string{"true"}, &c); err != nil {
		return 0, err
	}
	for _, step := range []string{"start", "wait"} {
		if err := e.Call(ctx, "POST", "/containers/"+c.Id+"/"+step, nil, nil); err != nil {
			return 0, firstError(err, e.remove(ctx, c.Id))
		}
	}
	if err := e.remove(ctx, c.Id); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// logThroughAPI measures how long the output of a script takes through Docker's own log API, followed from the start.
func (e engine) logThroughAPI(ctx context.Context, image, script string) (took time.Duration, bytesRead int64, err error) {
	var c created
	if err := e.create(ctx, image, "none", []string{"sh", "-c", script}, &c); err != nil {
		return 0, 0, err
	}
	defer func() { err = firstError(err, e.remove(ctx, c.Id)) }()
	began := time.Now()
	if err := e.Call(ctx, "POST", "/containers/"+c.Id+"/start", nil, nil); err != nil {
		return 0, 0, err
	}
	log, err := e.Stream(ctx, "/containers/"+c.Id+"/logs?follow=1&stdout=1&stderr=1")
	if err != nil {
		return 0, 0, fmt.Errorf("reading Docker's log: %w", err)
	}
	defer log.Close()
	n, err := io.Copy(io.Discard, log)
	return time.Since(began), n, err
}

var labels = map[string]string{"tutti.bench": "1"}

func (e engine) create(ctx context.Context, image, network string, command []string, out *created) error {
	return e.Call(ctx, "POST", "/containers/create", map[string]any{
		"Image": image, "Cmd": command, "Labels": labels, "HostConfig": map[string]any{"NetworkMode": network},
	}, out)
}

func (e engine) remove(ctx context.Context, id string) error {
	return e.Call(ctx, "DELETE", "/containers/"+id+"?force=1&v=1", nil, nil)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
