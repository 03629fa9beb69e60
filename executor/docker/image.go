package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	dockerimage "github.com/docker/docker/api/types/image"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// An image is what a room needs to know of one. It is asked for once a room, so that all activities of a job that name
// the same image get the same one.
type image struct {
	id   string
	env  []string
	user string
}

// image answers an image, and pulls it if it is not there.
func (e *Engine) image(ctx context.Context, name string) (*image, error) {
	img, err := e.inspectImage(ctx, name)
	if !errdefs.IsNotFound(err) {
		return img, imageTrouble(name, err)
	}
	e.log.Info("pulling image", "image", name)
	if err := e.pull(ctx, name); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, imageTrouble(name, err)
	}
	img, err = e.inspectImage(ctx, name)
	return img, imageTrouble(name, err)
}

// imageTrouble tells the trouble of the engine from that with an image.
func imageTrouble(name string, err error) error {
	var docker *dockerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &docker), errors.Is(err, context.Canceled):
		return err
	case full(err):
		return &dockerError{"Docker's disk is full: pulling image " + name, err}
	case silent(err):
		return &dockerError{"Docker went away: pulling image " + name, err}
	default:
		return &executor.ImageError{Image: name, Err: bare(err)}
	}
}

func (e *Engine) inspectImage(ctx context.Context, name string) (*image, error) {
	var img image
	err := e.persist(ctx, "asking Docker for image "+name, func(ctx context.Context) error {
		info, err := e.client.ImageInspect(ctx, name)
		img.id = info.ID
		if info.Config != nil {
			img.env, img.user = info.Config.Env, info.Config.User
		}
		return err
	})
	return &img, err
}

// pull takes as long as it takes, while it makes progress; the job's timeout bounds it. If Docker goes away meanwhile, it is
// begun again.
func (e *Engine) pull(ctx context.Context, name string) (err error) {
	for range failedLimit {
		err = e.pullOnce(ctx, name)
		var stuck *stuckError
		if err == nil || ctx.Err() != nil || !silent(err) && !errors.As(err, &stuck) {
			return err
		}
		answers := e.persist(ctx, "pulling image "+name, func(ctx context.Context) error {
			_, err := e.client.Ping(ctx)
			return err
		})
		if answers != nil {
			return answers
		}
		if stuck != nil { // it is the registry that does not answer
			return err
		}
	}
	return err
}

// A stuckError says that a pull made no progress.
type stuckError struct{ limit time.Duration }

func (e *stuckError) Error() string {
	return fmt.Sprintf("its pull made no progress for %s", plan.Duration(e.limit))
}

func (e *Engine) pullOnce(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stuck := &stuckError{e.config.PullSilence}
	watch := time.AfterFunc(stuck.limit, func() { cancel(stuck) })
	defer watch.Stop()
	err := e.readPull(ctx, name, func() { watch.Reset(stuck.limit) })
	if errors.Is(context.Cause(ctx), stuck) {
		return stuck
	}
	return err
}

// readPull pulls an image and tells of each sign of progress.
func (e *Engine) readPull(ctx context.Context, name string, progressed func()) error {
	progress, err := e.client.ImagePull(ctx, name, dockerimage.PullOptions{})
	if err != nil {
		return err
	}
	defer progress.Close()
	for messages := json.NewDecoder(progress); ; {
		var m struct {
			Error string `json:"error"`
		}
		err := messages.Decode(&m)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the progress of the pull: %w", err)
		case m.Error != "":
			return errors.New(m.Error)
		}
		progressed()
	}
}
