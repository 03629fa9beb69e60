package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// How much the cache of workspaces may hold. The one that was used last stays whatever its size.
const (
	maxWorkspaces     = 20
	maxWorkspaceBytes = 4 << 30
)

// workspaces are the files of commits, as tar archives, fetched from the server once for all jobs that need them.
type workspaces struct {
	dir    string
	dial   func() wire.Dialer
	agent  string
	client *http.Client
	log    *slog.Logger

	mu      sync.Mutex               // guards fetches
	fetches map[string]chan struct{} // by name; closed when the fetch is over
}

// openWorkspaces starts with an empty cache: of files from before a power loss nobody knows what they hold.
func openWorkspaces(dir string, dial func() wire.Dialer, agent string, log *slog.Logger) (*workspaces, error) {
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("making the cache of workspaces: %w", err)
	}
	return &workspaces{
		dir: dir, dial: dial, agent: agent, client: &http.Client{}, log: log, fetches: make(map[string]chan struct{}),
	}, nil
}

// keyPart is what a project's name and a commit may be, to be part of a file's name.
var keyPart = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,127}$`)

// open answers the files of an offer's commit. The caller closes it.
func (s *workspaces) open(ctx context.Context, offer wire.Offer) (*os.File, error) {
	if !keyPart.MatchString(offer.Project) || !keyPart.MatchString(offer.Commit) {
		return nil, fmt.Errorf("opening the workspace: %q of project %q cannot be a commit", offer.Commit, offer.Project)
	}
	name := filepath.Join(s.dir, offer.Project+"-"+offer.Commit+".tar")
	for {
		file, err := os.Open(name)
		if err == nil {
			now := time.Now() // the file's time says when it was used; no decision but that of prune hangs on it
			err := os.Chtimes(name, now, now)
			if err == nil || errors.Is(err, os.ErrNotExist) { // pruned since; who has it open can read it
				return file, nil
			}
			return nil, errors.Join(fmt.Errorf("opening the workspace: %w", err), file.Close())
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("opening the workspace: %w", err)
		}
		file, err = s.fetchOnce(ctx, name, offer.Claim)
		if file != nil || err != nil {
			return file, err
		}
	}
}

// fetchOnce fetches a workspace, or waits while somebody else does and answers nothing.
func (s *workspaces) fetchOnce(ctx context.Context, name string, c wire.Claim) (*os.File, error) {
	s.mu.Lock()
	fetch := s.fetches[name]
	if fetch != nil {
		s.mu.Unlock()
		select {
		case <-fetch:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	fetch = make(chan struct{})
	s.fetches[name] = fetch
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.fetches, name)
		close(fetch)
	}()
	if file, err := os.Open(name); err == nil {
		return file, nil // somebody was faster
	}
	file, err := s.fetchPatiently(ctx, name, c)
	if err != nil {
		return nil, fmt.Errorf("fetching the workspace: %w", err)
	}
	if err := s.prune(name); err != nil { // the cache is too large then; the job can run
		s.log.Warn("the cache of workspaces cannot be tidied", "error", err)
	}
	return file, nil
}

// prune drops the workspaces that were not used for longest, until the others fit. Who reads one keeps it open.
func (s *workspaces) prune(keep string) error {
	found, err := filepath.Glob(filepath.Join(s.dir, "*.tar"))
	if err != nil {
		return fmt.Errorf("pruning workspaces: %w", err)
	}
	type file struct {
		name string
		size int64
		used time.Time
	}
	var files []file
	for _, name := range found {
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("pruning workspaces: %w", err)
		}
		files = append(files, file{name, info.Size(), info.ModTime()})
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.name, b.name)) })
	var bytes int64
	for i, f := range files {
		bytes += f.size
		if f.name == keep || i < maxWorkspaces && bytes <= maxWorkspaceBytes {
			continue
		}
		if err := os.Remove(f.name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("pruning workspaces: %w", err)
		}
	}
	return nil
}
