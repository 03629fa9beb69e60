package git

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// Limits of Files.
const (
	MaxFiles      = 64
	MaxFileBytes  = 256 << 10
	MaxTotalBytes = 1 << 20

	maxTreeBytes   = 1 << 20 // of a folder's list
	maxCommitBytes = 1 << 20
)

// Files reads the files of one folder at a commit: those whose path matches the pattern, which has wildcards in its last part
// only, as in ".tutti/*.hcl". Files in folders below are left out.
//
// The error is server.ErrNoFolder if the commit has no such folder, NotFound if there is no such commit, and Invalid, with a
// sentence for the author of the commit, for what is too much or no regular file. Nothing that is too large is read.
func (m *Mirrors) Files(ctx context.Context, project, commit, pattern string) ([]server.File, error) {
	r, err := m.mirrorWith(project, commit)
	if err != nil {
		return nil, err
	}
	o, err := m.objects(ctx, r.dir)
	if err != nil {
		return nil, err
	}
	defer o.close()
	if _, err := o.commit(project, commit); err != nil {
		return nil, err
	}
	entries, err := o.matching(commit, pattern)
	if err != nil {
		return nil, err
	}
	return o.contents(entries)
}

// mirrorWith answers the mirror of a project, once the commit is a full hash.
func (m *Mirrors) mirrorWith(project string, commits ...string) (*mirror, error) {
	for _, c := range commits {
		if !fullHash.MatchString(c) {
			return nil, server.Errorf(server.Invalid, "%q is not the full hash of a commit", c)
		}
	}
	return m.mirror(project)
}

// matching lists the regular files that match.
func (o *objects) matching(commit, pattern string) ([]entry, error) {
	dir, base := path.Split(pattern)
	dir = path.Clean(dir)
	obj, data, err := o.read(commit+":"+dir, maxTreeBytes)
	var large *tooLargeError
	switch {
	case errors.Is(err, errMissing):
		return nil, fmt.Errorf("reading %s: %w", dir, server.ErrNoFolder)
	case errors.As(err, &large):
		return nil, server.Errorf(server.Invalid, "%s has too many entries", dir)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	case obj.kind != "tree":
		return nil, server.Errorf(server.Invalid, "%s is not a folder", dir)
	}
	all, err := parseTree(data, len(commit)/2)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	var files []entry
	for _, e := range all {
		if ok, err := path.Match(base, e.name); err != nil {
			return nil, fmt.Errorf("reading %s: pattern %q: %w", dir, base, err)
		} else if !ok || e.mode == modeFolder {
			continue
		}
		e.name = path.Join(dir, e.name)
		if e.mode != modeFile && e.mode != modeExecutable {
			return nil, server.Errorf(server.Invalid, "%s is not a regular file, but %s", e.name, modeText(e.mode))
		}
		files = append(files, e)
	}
	if len(files) > MaxFiles {
		return nil, server.Errorf(server.Invalid, "%s has %d files; %d are allowed", dir, len(files), MaxFiles)
	}
	return files, nil
}

func (o *objects) contents(entries []entry) ([]server.File, error) {
	files := make([]server.File, 0, len(entries))
	left := int64(MaxTotalBytes)
	for _, e := range entries {
		_, data, err := o.read(e.hash, min(MaxFileBytes, left))
		var large *tooLargeError
		switch {
		case errors.As(err, &large) && large.size > MaxFileBytes:
			return nil, server.Errorf(server.Invalid, "%s has %d bytes; %d are allowed", e.name, large.size, MaxFileBytes)
		case errors.As(err, &large):
			return nil, server.Errorf(server.Invalid, "the files of %s have more than %d bytes together", path.Dir(e.name), MaxTotalBytes)
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", e.name, err)
		}
		left -= int64(len(data))
		files = append(files, server.File{Name: e.name, Data: data})
	}
	return files, nil
}

// An entry is a line of a tree.
type entry struct {
	mode string
	name string
	hash string
}

// Modes of entries, as git writes them.
const (
	modeFile       = "100644"
	modeExecutable = "100755"
	modeLink       = "120000"
	modeFolder     = "40000"
	modeSubmodule  = "160000"
)

func modeText(mode string) string {
	switch mode {
	case modeLink:
		return "a symbolic link"
	case modeSubmodule:
		return "a submodule"
	}
	return "of mode " + mode
}

// parseTree reads entries of "<mode> <name>\0<hash>".
func parseTree(data []byte, hashBytes int) ([]entry, error) {
	var all []entry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, spaced := strings.Cut(string(head), " ")
		if !ok || !spaced || len(rest) < hashBytes {
			return nil, errors.New("the tree is damaged")
		}
		all = append(all, entry{mode: mode, name: name, hash: hex.EncodeToString(rest[:hashBytes])})
		data = rest[hashBytes:]
	}
	return all, nil
}
