package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A repository with a committed, a changed, a new, an ignored and a deleted file.
func userTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, ".gitignore", "ignored\n")
	write(t, dir, "same", "same")
	write(t, dir, "changed", "before")
	write(t, dir, "deleted", "gone soon")
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch", "topic/x"}, {"add", "."},
		{"-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "first"},
	} {
		mustGit(t, append([]string{"-C", dir}, args...)...)
	}
	write(t, dir, "changed", "after")
	write(t, dir, "new", "new")
	write(t, dir, "ignored", "secret")
	if err := os.Remove(filepath.Join(dir, "deleted")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustGit(t *testing.T, args ...string) string {
	t.Helper()
	out, err := runGit(t.Context(), nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSnapshotHoldsTheWorkingTree(t *testing.T) {
	dir := userTree(t)
	before := mustGit(t, "-C", dir, "status", "--porcelain") + mustGit(t, "-C", dir, "count-objects", "-v")
	repo := filepath.Join(t.TempDir(), "snap.git")
	snap, err := takeSnapshot(t.Context(), dir, repo)
	if err != nil {
		t.Fatal(err)
	}
	if snap.Branch != "topic/x" {
		t.Errorf("branch is %q, want that of the working tree", snap.Branch)
	}
	files := mustGit(t, "--git-dir", repo, "ls-tree", "--name-only", snap.Commit)
	if want := ".gitignore\nchanged\nnew\nsame"; files != want {
		t.Errorf("the snapshot has\n%s\nwant\n%s", files, want)
	}
	if text := mustGit(t, "--git-dir", repo, "show", snap.Commit+":changed"); text != "after" {
		t.Errorf("the changed file reads %q in the snapshot", text)
	}
	after := mustGit(t, "-C", dir, "status", "--porcelain") + mustGit(t, "-C", dir, "count-objects", "-v")
	if after != before {
		t.Errorf("the user's repository was written to: before\n%s\nafter\n%s", before, after)
	}
}

func TestSnapshotOfAFolderThatIsNoRepository(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ".gitignore", "*.log\n")
	write(t, dir, "a", "a")
	write(t, dir, "b.log", "noise")
	repo := filepath.Join(t.TempDir(), "snap.git")
	snap, err := takeSnapshot(t.Context(), dir, repo)
	if err != nil {
		t.Fatal(err)
	}
	if files := mustGit(t, "--git-dir", repo, "ls-tree", "--name-only", snap.Commit); files != ".gitignore\na" {
		t.Errorf("the snapshot has %q", strings.Fields(files))
	}
	if snap.Branch != "main" {
		t.Errorf("branch is %q, want main", snap.Branch)
	}
}

func TestSnapshotNamesRepositoriesInside(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", "a")
	for _, inner := range []string{"inner", "in ner/two"} {
		path := filepath.Join(dir, inner)
		mustGit(t, "init", "--quiet", path)
		write(t, path, "b", "b")
		mustGit(t, "-C", path, "add", ".")
		mustGit(t, "-C", path, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "inner")
	}
	snap, err := takeSnapshot(t.Context(), dir, filepath.Join(t.TempDir(), "snap.git"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(snap.Nested, ","); got != "in ner/two,inner" {
		t.Errorf("repositories inside are %q", got)
	}
}
