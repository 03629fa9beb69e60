package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server/forge/git"
	"github.com/tutti-ci/tutti/server/trigger"
)

// maxLocalRounds bounds how often a local compilation can ask for more.
const maxLocalRounds = 8

// compileLocal compiles as a server would, with the working tree at dir in place of a commit.
func compileLocal(ctx context.Context, dir string, req dsl.Request) (res dsl.Response, err error) {
	tree := &localTree{dir: dir}
	defer func() { err = errors.Join(err, tree.close()) }()
	for range maxLocalRounds {
		res = dsl.Compile(req)
		if res.Wants == nil {
			return res, nil
		}
		libraries, err := localLibraries(ctx, res.Wants.Libraries)
		if err != nil {
			return dsl.Response{}, err
		}
		req.Libraries = append(req.Libraries, libraries...)
		if err := tree.supply(ctx, &req, *res.Wants); err != nil {
			return dsl.Response{}, err
		}
	}
	return dsl.Response{}, fmt.Errorf("compiling the pipelines of %s: the compiler still wants something after %d rounds", dir, maxLocalRounds)
}

// A localTree answers what the compiler wants to know about a working tree. It takes a snapshot when it is asked first, so that
// paths and hashes are those of a commit of what is there: with what git ignores left out, and line ends as git keeps them.
type localTree struct {
	dir     string
	data    string // of the snapshot; empty as long as there is none
	commit  string
	mirrors *git.Mirrors
}

// snapshotName is the name of the snapshot's repository, which is read as the mirror of a project of that name.
const snapshotName = "tree"

func (t *localTree) supply(ctx context.Context, req *dsl.Request, wants dsl.Wants) error {
	if !wants.Tree && len(wants.Contents) == 0 {
		return nil
	}
	if err := t.take(ctx); err != nil {
		return err
	}
	read, err := t.mirrors.Contents(ctx, snapshotName, t.commit, wants.Contents, dsl.MaxContent)
	if err != nil {
		return err
	}
	if req.Contents == nil {
		req.Contents = map[string][]byte{}
	}
	for name, data := range read {
		req.Contents[name] = data
	}
	if req.Tree != nil || !wants.Tree && len(read) == len(wants.Contents) {
		return nil
	}
	files, err := t.mirrors.Tree(ctx, snapshotName, t.commit)
	if err != nil {
		return err
	}
	req.Tree = make([]dsl.TreeFile, len(files))
	for i, f := range files {
		req.Tree[i] = dsl.TreeFile{Path: f.Path, Hash: f.Hash, Link: f.Link}
	}
	return nil
}

func (t *localTree) take(ctx context.Context) (err error) {
	if t.data != "" {
		return nil
	}
	dir, err := filepath.Abs(t.dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir) // as git names it
	}
	if err == nil {
		t.data, err = os.MkdirTemp("", "tutti-tree-")
	}
	if err != nil {
		return fmt.Errorf("reading the working tree: %w", err)
	}
	snap, err := takeSnapshot(ctx, dir, filepath.Join(t.data, snapshotName+".git"))
	if err != nil {
		return fmt.Errorf("reading the working tree at %s: %w", t.dir, err)
	}
	t.commit = snap.Commit
	t.mirrors = &git.Mirrors{Dir: t.data, Log: slog.New(slog.DiscardHandler)}
	return nil
}

func (t *localTree) close() error {
	if t.data == "" {
		return nil
	}
	if err := os.RemoveAll(t.data); err != nil {
		return fmt.Errorf("removing the snapshot of the working tree: %w", err)
	}
	return nil
}

// localLibraries fetches libraries to the cache of this user, or takes them from there.
func localLibraries(ctx context.Context, wants []dsl.LibraryRef) ([]dsl.Library, error) {
	if len(wants) == 0 {
		return nil, nil
	}
	cache, err := openLibraryCache()
	if err != nil {
		return nil, err
	}
	var libraries []dsl.Library
	var errs []error
	for _, ref := range wants {
		l, err := trigger.FetchLibrary(ctx, cache, ref)
		libraries, errs = append(libraries, l), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return libraries, nil
}

// aboveFolder is the folder that holds .tutti, for a command's PATH: that folder itself, its .tutti, or a file in there.
func aboveFolder(path string) string {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	if abs, err := filepath.Abs(path); err == nil && filepath.Base(abs) == pipelineDir {
		return filepath.Dir(abs)
	}
	return path
}
