package docker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/shim"
)

// makeFirst makes the container that anchors the network; on another network if somebody removed the one that was made ahead,
// or nobody knows whether it comes.
func (r *room) makeFirst(ctx context.Context, activity plan.Activity, img *future[*image]) (*box, error) {
	if made := r.network.made; made.ready() && made.err != nil { // for an earlier activity
		r.changeNetwork()
	}
	c, err := r.makeAnchor(ctx, activity, img)
	if err != nil && r.another(ctx, err) {
		r.changeNetwork()
		c, err = r.makeAnchor(ctx, activity, img)
	}
	r.engine.networks.warm(ctx) // for the next job, now that this one waits for nothing
	return c, err
}

// another says whether another network may help when the anchor could not be made. One that failed on a full disk may have been begun
// long before, and there is room by now.
func (r *room) another(ctx context.Context, err error) bool {
	made := r.network.made
	return errors.Is(err, errNetworkHangs) || made.ready() && made.err != nil && full(made.err) ||
		errdefs.IsNotFound(err) && r.engine.networks.missing(ctx, r.network)
}

// changeNetwork gives the room another network; what may have become of the one that it had is removed with the room.
func (r *room) changeNetwork() {
	r.strays = append(r.strays, r.network)
	r.engine.claim(r, nil)
}

// errNetworkHangs says that Docker was asked for a network, and nobody knows what came of it.
var errNetworkHangs = errors.New("the job's network is not there")

// makeAnchor creates a container while the network is made, and starts it after.
func (r *room) makeAnchor(ctx context.Context, activity plan.Activity, img *future[*image]) (*box, error) {
	c, err := r.create(ctx, activity, img, r.network.name)
	if err != nil {
		return nil, err
	}
	c.anchor = true
	_, err = r.network.made.wait(ctx)
	switch {
	case errors.Is(err, errInTheMaking):
		return nil, fmt.Errorf("%w: %w", errNetworkHangs, err)
	case err != nil:
		return nil, err
	}
	return c, r.start(ctx, c)
}

// makeNext makes the container of a later activity.
func (r *room) makeNext(ctx context.Context, first *future[*box], activity plan.Activity, img *future[*image]) (*box, error) {
	anchor, err := first.wait(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnchor, err)
	}
	// Its shim may have said Hello before Docker itself knows that it runs.
	if _, err := anchor.started.wait(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnchor, err)
	}
	c, err := r.create(ctx, activity, img, "container:"+anchor.name)
	if err == nil {
		err = r.start(ctx, c)
	}
	if err != nil && !anchor.joinable() {
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
	config, host, err := r.configuration(c, shimPath, network)
	if err != nil {
		return nil, err
	}
	err = r.engine.persist(ctx, "creating a container of "+activity.Image, func(ctx context.Context) error {
		return r.createOnce(ctx, config, host, c.name)
	})
	if err == nil {
		err = r.engine.trap("docker.after_create")
	}
	return c, err
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
	if r.isClosed() {
		return errClosed
	}
	c.started = begin(&r.making, func() (struct{}, error) {
		err := r.engine.persist(ctx, "starting a container of "+c.image, func(ctx context.Context) error { return r.startOnce(ctx, c) })
		if err == nil {
			err = r.engine.trap("docker.after_start")
		}
		return struct{}{}, err
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

// startOnce starts a container. To start one that runs changes nothing; an error of Docker is none if it runs all the same.
func (r *room) startOnce(ctx context.Context, c *box) error {
	err := r.engine.client.ContainerStart(ctx, c.name, container.StartOptions{})
	if err == nil || full(err) {
		return err
	}
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer cancel()
	info, askErr := r.engine.client.ContainerInspect(ask, c.name)
	if askErr == nil && info.State.Running {
		return nil
	}
	return err
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
			_ = c.listener.SetDeadline(time.Now().Add(helloLimit)) // it fails if nobody listens any more, and then greeted comes
		case <-look.C:
			if docker != nil {
				continue
			}
			if ended := r.engine.ended(ctx, c); ended != nil {
				return fmt.Errorf("starting a container of %s: %w", c.image, ended)
			}
		}
	}
}
