// Package git reads repositories with the git program: it keeps a bare mirror of each project, fetches into it, and reads
// files at a commit from there.
//
// It never checks anything out and never runs anything that a repository brings: hooks, filters, attributes and
// configuration of others are switched off, urls and refs are checked before git sees them, and no shell is involved. It
// decides nothing about what a commit means; package trigger does.
package git

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tutti-ci/tutti/server"

	"github.com/tutti-ci/tutti/server/durable"
)

// Mirrors are the bare mirrors of all projects, each in a folder below Dir. One process at a time may use a Dir.
type Mirrors struct {
	Dir string
	Log *slog.Logger

	mu   sync.Mutex // guards open and hardened
	open map[string]*mirror
	// hardened says that the configuration that every git process reads is written.
	hardened bool
}

// A mirror is what is known of one of them in this process.
type mirror struct {
	dir string
	// busy holds a value while somebody fetches; it guards what follows.
	busy    chan struct{}
	url     string // that is configured; empty if that is not known yet
	clean   bool   // the last fetch ended by itself
	fetches int
}

// Fetch brings the mirror of a project up to date, and makes it if there is none. Fetches of one project wait for each
// other. The error is Invalid if the url cannot be used at all, and Unavailable if git could not read the repository.
func (m *Mirrors) Fetch(ctx context.Context, p server.Project) error {
	if err := CheckURL(p.URL); err != nil {
		return err
	}
	r, err := m.mirror(p.Name)
	if err != nil {
		return err
	}
	err = m.refresh(ctx, r, p.URL)
	var g *gitError
	switch {
	case errors.As(err, &g) && g.command == "fetch":
		return unreadable(p, err)
	case err != nil:
		return fmt.Errorf("fetching project %s: %w", p.Name, err)
	}
	return nil
}

// refresh fetches from a url that was checked. Fetches into one mirror wait for each other.
func (m *Mirrors) refresh(ctx context.Context, r *mirror, url string) error {
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for another fetch: %w", ctx.Err())
	}
	if err := m.prepare(ctx, r, url); err != nil {
		return fmt.Errorf("preparing mirror: %w", err)
	}
	r.clean = false
	_, err := m.output(ctx, r.dir, "fetch", "--quiet", "--prune", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head", "origin")
	if err != nil {
		return err
	}
	r.clean = true
	m.tidy(ctx, r)
	return nil
}

// tidyEvery is after how many fetches git is asked whether its mirror wants packing.
const tidyEvery = 64

func (m *Mirrors) tidy(ctx context.Context, r *mirror) {
	if r.fetches++; r.fetches%tidyEvery != 0 {
		return
	}
	if _, err := m.output(ctx, r.dir, "gc", "--auto", "--quiet"); err != nil {
		m.Log.Warn("mirror cannot be packed", "mirror", r.dir, "error", err)
	}
}

// Heads answers the commits that the branches and tags of the mirror point to, by full ref. Tags of other things than
// commits are left out.
func (m *Mirrors) Heads(ctx context.Context, project string) (map[string]string, error) {
	r, err := m.mirror(project)
	if err != nil {
		return nil, err
	}
	out, err := m.output(ctx, r.dir, "for-each-ref", "--format=%(objecttype)|%(objectname)|%(*objecttype)|%(*objectname)|%(refname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, fmt.Errorf("reading heads of project %s: %w", project, err)
	}
	heads := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "|", 5)
		switch {
		case len(f) != 5:
			return nil, fmt.Errorf("reading heads of project %s: git says %q", project, line)
		case f[0] == "commit":
			heads[f[4]] = f[1]
		case f[2] == "commit": // an annotated tag
			heads[f[4]] = f[3]
		}
	}
	return heads, nil
}

// mirror answers the mirror of a project; it may not exist on disk yet.
func (m *Mirrors) mirror(project string) (*mirror, error) {
	if err := (server.Project{Name: project, URL: "-"}).Validate(); err != nil {
		return nil, err // the name becomes a path
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.harden(); err != nil {
		return nil, err
	}
	if m.open == nil {
		m.open = make(map[string]*mirror)
	}
	r := m.open[project]
	if r == nil {
		dir, err := filepath.Abs(filepath.Join(m.Dir, project+".git"))
		if err != nil {
			return nil, fmt.Errorf("finding mirror of project %s: %w", project, err)
		}
		r = &mirror{dir: dir, busy: make(chan struct{}, 1)}
		m.open[project] = r
	}
	return r, nil
}

// unreadable makes git's complaint about a repository presentable.
func unreadable(p server.Project, err error) error {
	if ctx := contextError(err); ctx != nil {
		return fmt.Errorf("fetching project %s: %w", p.Name, err)
	}
	shown := server.RedactURL(p.URL)
	return &server.Error{
		Kind:    server.Unavailable,
		Message: fmt.Sprintf("the repository of project %q at %s cannot be read: %s", p.Name, shown, strings.ReplaceAll(complaint(err), p.URL, shown)),
	}
}

// harden writes the configuration that takes the place of the user's in every git process, also in those that git itself
// starts, which is why these settings are not arguments.
func (m *Mirrors) harden() error {
	if m.hardened {
		return nil
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return fmt.Errorf("making folder of mirrors: %w", err)
	}
	if err := durable.WriteFile(m.config(), []byte(hardening)); err != nil {
		return fmt.Errorf("writing git's configuration: %w", err)
	}
	m.hardened = true
	return nil
}

func (m *Mirrors) config() string { return filepath.Join(m.Dir, "gitconfig") }

// hardening: repositories of other users may be read, because nothing in them is executed. Archives have the modes of the
// tree and nobody's umask. Connections that hang end. What was fetched survives the loss of power.
const hardening = `# Written by tutti at each start; changes are lost.
[safe]
	directory = *
[core]
	hooksPath = /dev/null
	fsmonitor = false
	symlinks = false
	attributesFile = /dev/null
	fsync = all
	fsyncMethod = fsync
[protocol]
	allow = never
[protocol "file"]
	allow = always
[protocol "git"]
	allow = always
[protocol "http"]
	allow = always
[protocol "https"]
	allow = always
[protocol "ssh"]
	allow = always
[fetch]
	recurseSubmodules = false
[gc]
	autoDetach = false
[tar]
	umask = 0022
[http]
	lowSpeedLimit = 1
	lowSpeedTime = 30
`
