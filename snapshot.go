package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A snapshot is a working tree as it is at this moment, uncommitted changes included, as a commit in a repository of its
// own. The repository of the user is read, and never written to.
type snapshot struct {
	Root   string // of the working tree
	Repo   string // bare repository with the snapshot as its only branch
	Branch string // the working tree's branch, or "main"
	Commit string
	// Nested are folders of the tree that are repositories of their own: submodules and the like. They are empty in the
	// snapshot, as they are in every job's workspace.
	Nested []string
}

// takeSnapshot commits the tree at dir to a bare repository at repo. Files that .gitignore names are left out, in a folder
// that is no git repository as well.
func takeSnapshot(ctx context.Context, dir, repo string) (s snapshot, err error) {
	s = snapshot{Root: dir, Repo: repo, Branch: "main"}
	user := repositoryOf(ctx, dir)
	if user.branch != "" {
		s.Branch = user.branch
	}
	if _, err := runGit(ctx, nil, "init", "--quiet", "--bare", "--initial-branch", s.Branch, repo); err != nil {
		return s, err
	}
	if user.top == dir {
		if err := borrow(user, repo); err != nil {
			return s, err
		}
	}
	env := []string{"GIT_DIR=" + repo, "GIT_WORK_TREE=" + s.Root,
		"GIT_AUTHOR_NAME=tutti run", "GIT_AUTHOR_EMAIL=tutti@localhost", "GIT_COMMITTER_NAME=tutti run", "GIT_COMMITTER_EMAIL=tutti@localhost"}
	for _, args := range [][]string{
		{"-c", "core.safecrlf=false", "-c", "advice.addEmbeddedRepo=false", "-C", s.Root, "add", "--all", "."},
		{"commit", "--quiet", "--allow-empty", "--no-verify", "--no-gpg-sign", "--message", "The working tree of " + s.Root},
	} {
		if _, err := runGit(ctx, env, args...); err != nil {
			return s, err
		}
	}
	if s.Nested, err = nestedIn(ctx, env); err != nil {
		return s, err
	}
	s.Commit, err = runGit(ctx, env, "rev-parse", "HEAD")
	return s, err
}

// nestedIn lists the entries of the index that are commits of other repositories.
func nestedIn(ctx context.Context, env []string) ([]string, error) {
	entries, err := runGit(ctx, env, "ls-files", "--stage", "-z")
	if err != nil {
		return nil, err
	}
	var nested []string
	for entry := range strings.SplitSeq(entries, "\x00") {
		if mode, _, _ := strings.Cut(entry, " "); mode == "160000" {
			_, name, _ := strings.Cut(entry, "\t")
			nested = append(nested, name)
		}
	}
	return nested, nil
}

// userRepo is the repository that a folder belongs to; empty where there is none.
type userRepo struct{ top, dir, index, branch string }

func repositoryOf(ctx context.Context, dir string) userRepo {
	out, err := runGit(ctx, nil, "-C", dir, "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir", "--git-path", "index")
	if err != nil {
		return userRepo{} // not a repository, or one that git will not read: its files are there all the same
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 3 {
		return userRepo{} // a bare repository has no working tree
	}
	u := userRepo{top: lines[0], dir: lines[1], index: lines[2]}
	if branch, err := runGit(ctx, nil, "-C", dir, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
		u.branch = branch
	}
	return u
}

// borrow lets the snapshot use what git knows already: the objects of the user's repository, which then need not be
// written again, its index, which says what files are unchanged, and its own list of ignored files.
func borrow(user userRepo, repo string) error {
	alternates := filepath.Join(repo, "objects", "info", "alternates")
	if err := os.WriteFile(alternates, []byte(filepath.Join(user.dir, "objects")+"\n"), 0o600); err != nil {
		return fmt.Errorf("taking a snapshot: %w", err)
	}
	for from, to := range map[string]string{user.index: "index", filepath.Join(user.dir, "info/exclude"): "info/exclude"} {
		if err := copyFile(from, filepath.Join(repo, to)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("taking a snapshot: %w", err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// runGit runs git with the caller's environment, less what would point it at another repository, and answers what it prints.
func runGit(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(append(cmd.Env, "LC_ALL=C"), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", errors.New("git is not installed, and Tutti reads repositories with it")
		}
		return "", fmt.Errorf("git: %s (%w)", strings.Join(strings.Fields(stderr.String()), " "), err)
	}
	return strings.TrimSpace(stdout.String()), nil
}
