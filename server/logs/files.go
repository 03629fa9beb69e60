package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// files are the open files of a log that grows.
type files struct {
	log, frames, marks, lines *os.File
}

// openFiles opens them, and makes them and their folder if need be.
func openFiles(dir string) (*files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of a log: %w", err)
	}
	f := new(files)
	for _, each := range []struct {
		name string
		to   **os.File
	}{{"log", &f.log}, {"frames", &f.frames}, {"marks", &f.marks}, {"lines", &f.lines}} {
		file, err := os.OpenFile(filepath.Join(dir, each.name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening a log: %w", err), f.close())
		}
		*each.to = file
	}
	return f, nil
}

// commit makes the bytes and their frames durable. Marks and lines can wait: a commit that a crash takes them from loses
// times, not bytes.
func (f *files) commit() error { return together((*os.File).Sync, f.log, f.frames) }

// sync makes all durable.
func (f *files) sync() error { return together((*os.File).Sync, f.log, f.frames, f.marks, f.lines) }

func (f *files) close() error {
	var errs []error
	for _, file := range []*os.File{f.log, f.frames, f.marks, f.lines} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}

// together does something with each at the same time. What it does are syncs, and those that come together cost the file
// system little more than one.
func together[T any](do func(T) error, each ...T) error {
	var group errgroup.Group
	for _, x := range each {
		group.Go(func() error { return do(x) })
	}
	return group.Wait()
}
