package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// MaxTree bounds the number of files in the answer of Tree.
const MaxTree = 200_000

// Tree lists the files and symbolic links of a commit, with git's hashes of them; submodules are left out.
func (m *Mirrors) Tree(ctx context.Context, project, commit string) ([]server.TreeFile, error) {
	r, err := m.mirrorWith(project, commit)
	if err != nil {
		return nil, err
	}
	files, err := m.tree(ctx, r, commit)
	var known *server.Error
	if err != nil && !errors.As(err, &known) {
		if missing := m.checkCommit(ctx, r, project, commit); missing != nil {
			return nil, missing
		}
		return nil, fmt.Errorf("listing files of project %s: %w", project, err)
	}
	return files, err
}

func (m *Mirrors) tree(ctx context.Context, r *mirror, commit string) (files []server.TreeFile, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := m.command(ctx, r.dir, "ls-tree", "-r", "-z", "--full-tree", commit)
	var complaints tail
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("listing files: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, explain(ctx, cmd, err, &complaints)
	}
	files, err = readTree(out)
	if err != nil {
		cancel()
		_ = cmd.Wait() // what is wrong is known already
		return nil, err
	}
	return files, explain(ctx, cmd, cmd.Wait(), &complaints)
}

// readTree reads entries of "<mode> <kind> <hash>\t<path>\0".
func readTree(out io.Reader) ([]server.TreeFile, error) {
	var files []server.TreeFile
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString(0)
		if errors.Is(err, io.EOF) && line == "" {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing files: %w", err)
		}
		head, name, ok := strings.Cut(strings.TrimSuffix(line, "\x00"), "\t")
		f := strings.Fields(head)
		switch {
		case !ok || len(f) != 3:
			return nil, fmt.Errorf("listing files: git says %q", head)
		case f[0] == modeSubmodule:
			continue
		case len(files) == MaxTree:
			return nil, server.Errorf(server.Invalid, "the commit has more than %d files", MaxTree)
		}
		files = append(files, server.TreeFile{Path: strings.ToValidUTF8(name, "\uFFFD"), Hash: f[2], Link: f[0] == modeLink})
	}
}

// Contents reads files of a commit. What is no regular file there is left out of the answer. A file of more than limit bytes
// is cut off after one more.
func (m *Mirrors) Contents(ctx context.Context, project, commit string, paths []string, limit int64) (map[string][]byte, error) {
	r, err := m.mirrorWith(project, commit)
	if err != nil {
		return nil, err
	}
	all := make(map[string][]byte, len(paths))
	for _, name := range paths {
		data, err := m.content(ctx, r, commit, name, limit)
		if errors.Is(err, errMissing) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s of project %s: %w", name, project, err)
		}
		all[name] = data
	}
	return all, nil
}

// content reads one file. It takes a process of its own, since one that has begun with a file that is too long is of no more use.
func (m *Mirrors) content(ctx context.Context, r *mirror, commit, name string, limit int64) ([]byte, error) {
	if strings.ContainsAny(name, "\n\x00") || path.Clean("/"+name) != "/"+name {
		return nil, errMissing
	}
	o, err := m.objects(ctx, r.dir)
	if err != nil {
		return nil, err
	}
	defer o.close()
	dir, base := path.Split(name)
	obj, data, err := o.read(commit+":"+strings.TrimSuffix(dir, "/"), maxTreeBytes)
	if err != nil {
		return nil, err
	}
	if obj.kind != "tree" {
		return nil, errMissing
	}
	entries, err := parseTree(data, len(commit)/2)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.name == base && (e.mode == modeFile || e.mode == modeExecutable) {
			return o.head(e.hash, limit)
		}
	}
	return nil, errMissing
}
