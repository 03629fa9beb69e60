package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tutti-ci/tutti/server/durable"
)

// prepare sees to it that the mirror exists, fetches from url, and is not locked by a git that was killed. The caller
// holds busy.
func (m *Mirrors) prepare(ctx context.Context, r *mirror, url string) error {
	if r.url != url {
		if err := m.create(ctx, r, url); err != nil {
			return err
		}
		r.url = url
	}
	if !r.clean {
		return clearLocks(r.dir)
	}
	return nil
}

// create makes the mirror, or makes sure that an existing one is set up as this release wants it. One that is no repository any more,
// because the host lost its power while it was made, is made anew: all that is in a mirror can be fetched again.
func (m *Mirrors) create(ctx context.Context, r *mirror, url string) error {
	if err := m.setUp(ctx, r, url); err != nil {
		return err
	}
	_, err := m.output(ctx, r.dir, "rev-parse", "--is-bare-repository")
	if err == nil || ctx.Err() != nil {
		return err
	}
	m.Log.Warn("a mirror is damaged, and is made anew", "mirror", r.dir, "error", err)
	if err := os.RemoveAll(r.dir); err != nil {
		return err
	}
	return m.setUp(ctx, r, url)
}

func (m *Mirrors) setUp(ctx context.Context, r *mirror, url string) error {
	if _, err := os.Stat(filepath.Join(r.dir, "HEAD")); errors.Is(err, fs.ErrNotExist) {
		if err := m.initialize(ctx, r.dir); err != nil {
			return err
		}
	}
	// The url goes into a file and not on a command line, where every user of the host could read its password.
	if err := durable.WriteFile(filepath.Join(r.dir, "config"), fmt.Appendf(nil, mirrorConfig, quote(url))); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(r.dir, "info"), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(r.dir, "info", "attributes"), []byte(neutral))
}

// initialize makes an empty repository, durably: git itself syncs what it fetches, and not what it begins with.
func (m *Mirrors) initialize(ctx context.Context, dir string) error {
	if _, err := m.output(ctx, m.Dir, "init", "--quiet", "--bare", "--template=", "--end-of-options", dir); err != nil {
		return err
	}
	for _, each := range []string{"HEAD", "objects", "refs", ".", ".."} {
		if err := durable.Sync(filepath.Join(dir, each)); err != nil {
			return err
		}
	}
	return nil
}

const mirrorConfig = `[core]
	repositoryformatversion = 0
	bare = true
[remote "origin"]
	url = %s
	fetch = +refs/heads/*:refs/heads/*
	fetch = +refs/tags/*:refs/tags/*
`

// neutral takes every attribute back that would let a commit change its own bytes on their way into a workspace. This file
// wins over any .gitattributes of the tree.
const neutral = "* -export-ignore -export-subst -text -eol -ident -filter -working-tree-encoding -diff\n"

// quote writes a value of git's configuration.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// clearLocks removes what a killed git left behind. The mirrors belong to this process alone, and nobody else fetches into
// this one now, so no lock can be in use.
func clearLocks(dir string) error {
	remove := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(d.Name(), ".lock") {
			return err
		}
		return os.Remove(path)
	}
	for _, sub := range []string{"refs", "info"} {
		if err := filepath.WalkDir(filepath.Join(dir, sub), remove); err != nil {
			return fmt.Errorf("removing old locks: %w", err)
		}
	}
	top, err := filepath.Glob(filepath.Join(dir, "*.lock"))
	if err != nil {
		return fmt.Errorf("removing old locks: %w", err)
	}
	for _, path := range top {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing old locks: %w", err)
		}
	}
	return nil
}
