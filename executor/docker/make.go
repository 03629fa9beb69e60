package docker

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/shim"
)

// makeFirst makes the container that anchors the network. It is created while the network is made, and started after.
func (r *room) makeFirst(ctx context.Context, activity plan.Activity, img *future[*image]) (*box, error) {
	c, err := r.create(ctx, activity, img, r.network.name)
	if err != nil {
		return nil, err
	}
	c.anchor = true
	if _, err := r.network.made.wait(ctx); err != nil {
		return nil, err
	}
	err = r.start(ctx, c)
	r.engine.networks.warm(ctx) // for the next job, now that this one waits for nothing
	return c, err
}

// makeNext makes the container of a later activity.
func (r *room) makeNext(ctx context.Context, first *future[*box], activity plan.Activity, img *future[*image]) (*box, error) {
	anchor, err := first.wait(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnchor, err)
	}
	// Its shim may have said Hello before Docker itself knows that it runs.
	if _, err := anchor.started.wait(ctx); err != nil {
		return nil, err
	}
	c, err := r.create(ctx, activity, img, "container:"+anchor.name)
	if err == nil {
		err = r.start(ctx, c)
	}
	if err != nil && !anchor.alive() {
		err = fmt.Errorf("%w: %w", errNoAnchor, err)
	}
	return c, err
}

// create creates a container on a network, with a socket for its shim.
func (r *room) create(ctx context.Context, activity plan.Activity, asked *future[*image], network string) (*box, error) {
	shimPath, err := r.engine.shimPath(ctx)
	if err != nil {
		return nil, err
	}
	img, err := asked.wait(ctx)
	if err != nil {
		return nil, err
	}
	c, err := r.newBox(activity, img)
	if err != nil {
		return nil, err
	}
	config, host := r.configuration(c, shimPath, network)
	call, cancel := limited(ctx)
	defer cancel()
	if _, err := r.engine.client.ContainerCreate(call, config, host, nil, nil, c.name); err != nil {
		return nil, fmt.Errorf("creating a container of %s: %w", activity.Image, bare(err))
	}
	return c, nil
}

// newBox puts a container on the room's list, before there is one: Close removes what is on it.
func (r *room) newBox(activity plan.Activity, img *image) (*box, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	r.count++
	c := &box{
		name:     fmt.Sprintf("%s-%d", r.name, r.count),
		activity: activity.Name,
		image:    activity.Image,
		img:      img,
		user:     userOf(activity, img),
		in:       make(chan shim.Message),
		closed:   make(chan struct{}),
		gone:     make(chan struct{}),
	}
	c.dir = filepath.Join(r.engine.roomsDir(), c.name)
	r.boxes[c.name] = c
	return c, c.listen()
}

// userOf answers as whom an activity runs.
func userOf(activity plan.Activity, img *image) string {
	if activity.User != "" {
		return activity.User
	}
	return img.user
}

// start starts a container and answers when its shim has said Hello; Docker's own word may come later.
func (r *room) start(ctx context.Context, c *box) (err error) {
	c.started = begin(&r.making, func() (struct{}, error) {
		call, cancel := limited(ctx)
		defer cancel()
		if err := r.engine.client.ContainerStart(call, c.name, container.StartOptions{}); err != nil {
			return struct{}{}, fmt.Errorf("starting a container of %s: %w", c.image, bare(err))
		}
		return struct{}{}, nil
	})
	greeted := begin(&r.making, func() (struct{}, error) { return struct{}{}, c.greet() })
	if err := r.awaitShim(ctx, c, greeted); err != nil {
		_ = c.listener.Close() // so that greet ends
		return err
	}
	if c.fresh, err = listLayer(c.hello.Upper); err != nil {
		c.fresh = nil
		r.engine.log.Debug("containers are used once", "because", err)
	}
	r.pumps.Go(c.pump)
	return nil
}

// awaitShim waits for the Hello, and finds out if it cannot come.
func (r *room) awaitShim(ctx context.Context, c *box, greeted *future[struct{}]) error {
	docker, look := c.started.done, time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-greeted.done:
			return greeted.err
		case <-docker:
			if c.started.err != nil {
				return c.started.err
			}
			docker = nil
		case <-look.C:
			if ended := r.engine.ended(ctx, c); docker == nil && ended != nil {
				return fmt.Errorf("starting a container of %s: %w", c.image, ended)
			}
		}
	}
}

// ended answers how a container ended; nil if it runs.
func (e *Engine) ended(ctx context.Context, c *box) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	info, err := e.client.ContainerInspect(ctx, c.name)
	switch {
	case err != nil:
		return fmt.Errorf("asking Docker for the container: %w", bare(err))
	case info.State == nil || info.State.Running:
		return nil
	case info.State.OOMKilled:
		return fmt.Errorf("the container ended with exit code %d, out of memory", info.State.ExitCode)
	case info.State.Error != "":
		return fmt.Errorf("the container ended with exit code %d: %s", info.State.ExitCode, info.State.Error)
	default:
		return fmt.Errorf("the container ended with exit code %d", info.State.ExitCode)
	}
}
