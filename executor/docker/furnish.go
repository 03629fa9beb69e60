package docker

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tutti-ci/tutti/executor/shim"
)

// furnish puts the files of the job into the workspace, as the user of its first activity.
func (r *room) furnish(ctx context.Context) error {
	var files []*os.File
	if r.spec.Workspace != nil {
		tar, err := r.spec.Workspace(ctx)
		if err != nil {
			return fmt.Errorf("fetching the workspace: %w", err)
		}
		defer tar.Close()
		files = append(files, tar)
	}
	c, err := r.first.wait(ctx)
	if err != nil {
		return err
	}
	order := &shim.Unpack{Dir: shim.Workspace, User: c.img.user}
	if err := c.conn.Send(shim.Message{Unpack: order, Files: files}); err != nil {
		return fmt.Errorf("filling the workspace: %w", err)
	}
	select {
	case m, ok := <-c.in:
		switch {
		case !ok:
			return errors.New("filling the workspace: the container ended")
		case m.Unpacked == nil:
			return errors.New("filling the workspace: the shim answered something else")
		case m.Unpacked.Err != "":
			return fmt.Errorf("filling the workspace: %s", m.Unpacked.Err)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
