package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

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
	switch {
	case err == nil:
		return nil
	case client.IsErrConnectionFailed(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("asking Docker for image %s: %w", name, bare(err))
	default:
		return &executor.ImageError{Image: name, Err: bare(err)}
	}
}

func (e *Engine) inspectImage(ctx context.Context, name string) (*image, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	info, err := e.client.ImageInspect(ctx, name)
	if err != nil {
		return nil, err
	}
	img := &image{id: info.ID}
	if info.Config != nil {
		img.env, img.user = info.Config.Env, info.Config.User
	}
	return img, nil
}

// pull takes as long as it takes; the job's timeout bounds it.
func (e *Engine) pull(ctx context.Context, name string) error {
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
	}
}
