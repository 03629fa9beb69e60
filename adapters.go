package main

import (
	"context"
	"errors"
	"io"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api"
	"github.com/tutti-ci/tutti/server/forge/git"
	"github.com/tutti-ci/tutti/server/gateway"
	"github.com/tutti-ci/tutti/server/logs"
	"github.com/tutti-ci/tutti/server/store"
	"github.com/tutti-ci/tutti/server/trigger"
)

// presentAgents are the agents with what is known of them at this moment.
type presentAgents struct {
	*store.DB
	gateway *gateway.Gateway
}

func (p presentAgents) Agents(ctx context.Context) ([]server.Agent, error) {
	agents, err := p.DB.Agents(ctx)
	if err != nil {
		return nil, err
	}
	p.gateway.Present(agents)
	return agents, nil
}

// A registrar makes sure of a repository before its project is stored.
type registrar struct {
	*store.DB
	trigger *trigger.Trigger
}

func (r registrar) CreateProject(ctx context.Context, p server.Project) error {
	return r.trigger.Register(ctx, p)
}

// A starter is the trigger as the API uses it. Whoever may ask may also ask for what a push would do.
type starter struct{ *trigger.Trigger }

func (s starter) Start(ctx context.Context, project, pipeline, ref string, inputs map[string]string, actor string) (server.Run, error) {
	return s.Trigger.Start(ctx, trigger.Request{
		Project: project, Pipeline: pipeline, Kinds: []string{dsl.KindManual, dsl.KindPush}, Ref: ref, Inputs: inputs, Actor: actor,
	})
}

// A checkout brings the files of commits. What its mirror does not have, after a power loss or because somebody deleted it, is fetched
// once more.
type checkout struct {
	store   *store.DB
	mirrors *git.Mirrors
}

func (c checkout) Archive(ctx context.Context, project, commit string, w io.Writer) error {
	began := &began{Writer: w}
	err := c.mirrors.Archive(ctx, project, commit, began)
	if err == nil || began.yes || ctx.Err() != nil {
		return err
	}
	p, reading := c.store.Project(ctx, project)
	if reading != nil {
		return errors.Join(err, reading)
	}
	if fetching := c.mirrors.Fetch(ctx, p); fetching != nil {
		return errors.Join(err, fetching)
	}
	return c.mirrors.Archive(ctx, project, commit, w)
}

// began knows whether anything was written.
type began struct {
	io.Writer
	yes bool
}

func (b *began) Write(p []byte) (int, error) {
	b.yes = b.yes || len(p) > 0
	return b.Writer.Write(p)
}

// countedLogs are the logs, with what arrives in the metrics.
type countedLogs struct {
	*logs.Store
	metrics *api.Metrics
}

func (l countedLogs) Append(id server.LogID, off int64, data, marks []byte) (int64, error) {
	l.metrics.AddLogBytes(int64(len(data)))
	return l.Store.Append(id, off, data, marks)
}
