package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// Libraries are mirrors of repositories that hold libraries, by their urls. A commit that was read once is kept for good, so
// that it can be read again without a network, whatever becomes of its repository.
type Libraries struct {
	Mirrors *Mirrors // of its own folder, which no projects share
}

// Commit asks the repository which commit a tag, or a full hash, is now. NotFound says that it has none of that name.
func (l *Libraries) Commit(ctx context.Context, url, version string) (string, error) {
	r, err := l.mirror(url)
	if err != nil {
		return "", err
	}
	if fullHash.MatchString(version) {
		return version, l.bring(ctx, r, url, version)
	}
	if err := l.fetch(ctx, r, url); err != nil {
		return "", err
	}
	if !validRef(version) {
		return "", noVersion(url, version)
	}
	commit, err := l.find(ctx, r, tags+version)
	if errors.Is(err, errMissing) {
		return "", noVersion(url, version)
	}
	if err != nil {
		return "", err
	}
	return commit, l.keep(ctx, r, commit)
}

func noVersion(url, version string) error {
	return server.Errorf(server.NotFound, "the repository %s has no tag %q, and no commit of that full hash", server.RedactURL(url), version)
}

// Tree lists the files of a commit, as Mirrors.Tree does. It asks the repository only if the commit is not here.
func (l *Libraries) Tree(ctx context.Context, url, commit string) ([]server.TreeFile, error) {
	r, err := l.mirror(url)
	if err != nil {
		return nil, err
	}
	if !fullHash.MatchString(commit) {
		return nil, server.Errorf(server.Invalid, "%q is not the full hash of a commit", commit)
	}
	if err := l.bring(ctx, r, url, commit); err != nil {
		return nil, err
	}
	return l.Mirrors.tree(ctx, r, commit)
}

// Contents reads files of a commit that Tree has listed, as Mirrors.Contents does.
func (l *Libraries) Contents(ctx context.Context, url, commit string, paths []string, limit int64) (map[string][]byte, error) {
	return l.Mirrors.Contents(ctx, mirrorName(url), commit, paths, limit)
}

// bring sees to it that a commit is here.
func (l *Libraries) bring(ctx context.Context, r *mirror, url, commit string) error {
	here, err := l.has(ctx, r, commit)
	if err == nil && !here {
		if err = l.fetch(ctx, r, url); err == nil {
			here, err = l.has(ctx, r, commit)
		}
	}
	if err == nil && !here {
		return server.Errorf(server.NotFound, "the repository %s has no commit %s on a branch or tag; was a tag moved?", server.RedactURL(url), commit)
	}
	if err != nil {
		return err
	}
	return l.keep(ctx, r, commit)
}

func (l *Libraries) has(ctx context.Context, r *mirror, commit string) (bool, error) {
	found, err := l.find(ctx, r, commit)
	if errors.Is(err, errMissing) {
		return false, nil
	}
	return found == commit, err // a hash may also be that of an annotated tag
}

// find answers the commit of that full ref or hash; errMissing if it is not here.
func (l *Libraries) find(ctx context.Context, r *mirror, name string) (string, error) {
	if _, err := os.Stat(filepath.Join(r.dir, "HEAD")); errors.Is(err, os.ErrNotExist) {
		return "", errMissing
	}
	o, err := l.Mirrors.objects(ctx, r.dir)
	if err != nil {
		return "", err
	}
	defer o.close()
	obj, _, err := o.read(name+"^{commit}", maxCommitBytes)
	return obj.hash, err
}

// keep puts a ref of ours on a commit, so that git never throws it away.
func (l *Libraries) keep(ctx context.Context, r *mirror, commit string) error {
	if _, err := l.Mirrors.output(ctx, r.dir, "update-ref", "refs/tutti/"+commit, commit); err != nil {
		return fmt.Errorf("keeping commit of library: %w", err)
	}
	return nil
}

func (l *Libraries) fetch(ctx context.Context, r *mirror, url string) error {
	err := l.Mirrors.refresh(ctx, r, url)
	var g *gitError
	switch {
	case err == nil:
		return nil
	case contextError(err) != nil || !errors.As(err, &g):
		return fmt.Errorf("fetching library: %w", err)
	}
	shown := server.RedactURL(url)
	return &server.Error{
		Kind: server.Unavailable, Err: err,
		Message: fmt.Sprintf("the repository %s cannot be read: %s", shown, strings.ReplaceAll(complaint(err), url, shown)),
	}
}

func (l *Libraries) mirror(url string) (*mirror, error) {
	if err := CheckURL(url); err != nil {
		return nil, err
	}
	return l.Mirrors.mirror(mirrorName(url))
}

// mirrorName is the name of a url's mirror, which has to be one for a folder.
func mirrorName(url string) string {
	sum := sha256.Sum256([]byte(url))
	return "lib-" + hex.EncodeToString(sum[:12])
}
