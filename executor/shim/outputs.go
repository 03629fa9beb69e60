package shim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/tutti-ci/tutti/executor/shim/mask"
)

// Read reads outputs from the folder that a process wrote them into; no process may be at work there any more. Only regular
// files directly in it are read, so that no link leads elsewhere. One that is missing is left out; why says in a sentence
// why others cannot be had.
func (o OutputOrder) Read(dir string, masks *mask.Set) (outputs map[string][]byte, why string) {
	if len(o.Names) == 0 {
		return nil, ""
	}
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return nil, ""
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, "the folder of the outputs cannot be read: " + err.Error()
	}
	defer root.Close()
	outputs = make(map[string][]byte)
	all := int64(0)
	for _, name := range o.Names {
		content, err := o.readOne(root, name, masks)
		all += int64(len(content))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			why = first(why, fmt.Sprintf("output %q %v", name, err))
		case all > o.MaxAll:
			why = first(why, fmt.Sprintf("output %q and those before it have more than %d KiB", name, o.MaxAll>>10))
		default:
			outputs[name] = content
		}
	}
	return outputs, why
}

// readOne answers the content of one file. The error completes a sentence about the output, unless it is fs.ErrNotExist.
func (o OutputOrder) readOne(root *os.Root, name string, masks *mask.Set) ([]byte, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is no regular file")
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, o.MaxEach+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	case int64(len(content)) > o.MaxEach:
		return nil, fmt.Errorf("has more than %d KiB", o.MaxEach>>10)
	case slices.Contains(o.Open, name) && masks.Holds(content):
		return nil, errors.New("holds a secret, and is not declared as sensitive")
	}
	return content, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
