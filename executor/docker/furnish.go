package docker

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tutti-ci/tutti/executor/shim"
)

// fetch begins to fetch the files of the workspace.
func (r *room) fetch() *future[*os.File] {
	return begin(&r.making, func() (*os.File, error) {
		if r.spec.Workspace == nil {
			return nil, nil
		}
		tar, err := r.spec.Workspace(r.live)
		if err != nil {
			return nil, fmt.Errorf("fetching the workspace: %w", err)
		}
		return tar, nil
	})
}

// fill begins to put the files of the job into the workspace, through the first container. It is called again if there was
// none, or no files; but files are only ever unpacked once.
func (r *room) fill() {
	if r.workspace != nil {
		<-r.workspace.done // it waits for nothing that is not there, or never will be
		if r.workspace.err == nil || r.unpacking {
			return
		}
	}
	if r.files.ready() && r.files.err != nil {
		r.files = r.fetch()
	}
	first, files := r.first, r.files
	r.workspace = begin(&r.making, func() (struct{}, error) { return struct{}{}, r.furnish(r.live, first, files) })
}

// furnished waits until the workspace is filled.
func (r *room) furnished(ctx context.Context) error {
	if r.workspace.ready() && r.workspace.err != nil {
		r.fill()
	}
	_, err := r.workspace.wait(ctx)
	return err
}

// furnish unpacks the files, as the user of the activity for which the first container was made.
func (r *room) furnish(ctx context.Context, first *future[*box], files *future[*os.File]) error {
	c, err := first.wait(ctx)
	if err != nil {
		return err
	}
	tar, err := files.wait(ctx)
	if err != nil {
		return err
	}
	r.unpacking = true
	var streams []*os.File
	if tar != nil {
		defer tar.Close()
		streams = append(streams, tar)
	}
	if err := c.conn.Send(shim.Message{Unpack: &shim.Unpack{Dir: shim.Workspace, User: c.user}, Files: streams}); err != nil {
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

// dropFiles closes the files of a workspace that was never filled. Nothing is being made any more.
func (r *room) dropFiles() error {
	if !r.files.ready() || r.files.value == nil || r.unpacking {
		return nil
	}
	tar := r.files.value
	r.files.value = nil // Close may be called again
	return tar.Close()
}
