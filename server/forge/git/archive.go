package git

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// Archive writes the files of a commit as a tar stream: each with the bytes that the commit has, whatever its attributes
// say, executable or not, and symbolic links as such. Submodules are empty folders. The stream starts with a global header
// that holds the hash of the commit.
func (m *Mirrors) Archive(ctx context.Context, project, commit string, w io.Writer) error {
	r, err := m.mirrorWith(project, commit)
	if err != nil {
		return err
	}
	cmd := m.command(ctx, r.dir, "archive", "--format=tar", commit)
	cmd.Stdout = w
	if err := run(ctx, cmd); err != nil {
		if missing := m.checkCommit(ctx, r, project, commit); missing != nil {
			return missing
		}
		return fmt.Errorf("archiving commit %s of project %s: %w", commit, project, err)
	}
	return nil
}

// checkCommit answers NotFound if there is no such commit; nil if that is not known.
func (m *Mirrors) checkCommit(ctx context.Context, r *mirror, project, commit string) error {
	o, err := m.objects(ctx, r.dir)
	if err != nil {
		return nil //nolint:nilerr // the caller has an error already, and this one says nothing about the commit
	}
	defer o.close()
	if _, err := o.commit(project, commit); server.KindOf(err) == server.NotFound {
		return err
	}
	return nil
}

// maxChanged bounds the answer of ChangedFiles.
const maxChanged = 20_000

// ChangedFiles answers the paths of the files that differ between two commits, both those that are there and those that are
// gone; nil, as if it were not known, if they are more than anybody wants to look at.
func (m *Mirrors) ChangedFiles(ctx context.Context, project, from, to string) ([]string, error) {
	r, err := m.mirrorWith(project, from, to)
	if err != nil {
		return nil, err
	}
	out, err := m.output(ctx, r.dir, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", from, to)
	if err != nil {
		return nil, fmt.Errorf("comparing commits of project %s: %w", project, err)
	}
	if len(out) == 0 {
		return []string{}, nil
	}
	paths := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(paths) > maxChanged {
		return nil, nil
	}
	return paths, nil
}
