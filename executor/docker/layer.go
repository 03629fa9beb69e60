package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// A layer is the list of all that was changed in the root file system of a container: the host's folder that takes the
// changes of an overlay, with type, mode, owner and time of change of each entry. Whoever changes, makes or removes a file,
// or only gives a folder another owner (which the list of changes that Docker makes does not always show), changes the
// layer.
type layer []string

// maxLayer bounds the look at it: a container with more changes than this is not as it was made.
const maxLayer = 1000

// listLayer reads a layer. The agent must be allowed to: it usually is root, where Docker is.
func listLayer(dir string) (layer, error) {
	if dir == "" {
		return nil, errors.New("the root file system is no overlay")
	}
	l := layer{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if len(l) >= maxLayer {
			return errors.New("the root file system has many changes")
		}
		l = append(l, strings.TrimPrefix(path, dir)+" "+fingerprint(info))
		return nil
	})
	slices.Sort(l)
	return l, err
}

// compare says what of the root file system differs.
func (l layer) compare(now layer) error {
	for _, entry := range now {
		if _, same := slices.BinarySearch(l, entry); !same {
			path, _, _ := strings.Cut(entry, " ")
			return fmt.Errorf("%s changed", "/"+strings.TrimPrefix(path, "/"))
		}
	}
	if len(now) != len(l) {
		return errors.New("a change of the root file system was undone")
	}
	return nil
}
