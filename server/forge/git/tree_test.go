package git_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/forge/git"
)

func TestTree(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	r.write("a.txt", "a")
	r.write("sub/ü b\tc", "")
	r.write("run.sh", "true")
	if err := os.Chmod(filepath.Join(r.dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	r.commit("one")
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", r.dir, "module")
	commit := r.commit("two")
	fetch(t, m, r.project())
	got, err := m.Tree(t.Context(), "app", commit)
	if err != nil {
		t.Fatal(err)
	}
	want := []server.TreeFile{
		{Path: ".gitmodules", Hash: r.git("rev-parse", "HEAD:.gitmodules")},
		{Path: "a.txt", Hash: "2e65efe2a145dda7ee51d1741299f848e5bf752e"},
		{Path: "link", Hash: r.git("rev-parse", "HEAD:link"), Link: true},
		{Path: "run.sh", Hash: r.git("rev-parse", "HEAD:run.sh")},
		{Path: "sub/ü b\tc", Hash: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	_, err = m.Tree(t.Context(), "app", strings.Repeat("0", 40))
	wantKind(t, err, server.NotFound, "no commit")
	_, err = m.Tree(t.Context(), "app", "main")
	wantKind(t, err, server.Invalid, "full hash")
}

func TestContents(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	r.write("a.txt", "a")
	r.write("sub/b.txt", "bb")
	r.write("long", strings.Repeat("x", 1000))
	if err := os.Symlink("/etc/passwd", filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	commit := r.commit("one")
	fetch(t, m, r.project())
	got, err := m.Contents(t.Context(), "app", commit, []string{
		"long", "a.txt", "sub/b.txt", "sub", "link", "none", "sub/none", "a.txt/x", "", "/a.txt", "../a.txt", "./a.txt", "a.txt\nmain", "no/such/folder",
	}, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"a.txt": []byte("a"), "sub/b.txt": []byte("bb"), "long": []byte(strings.Repeat("x", 11))}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
}

func TestLibraries(t *testing.T) {
	r := newRepo(t)
	l := &git.Libraries{Mirrors: newMirrors(t)}
	r.write("go.hcl", "one")
	one := r.commit("one")
	r.git("tag", "--annotate", "--message", "x", "v1")
	r.git("branch", "side")
	url := "file://" + r.dir
	commit := func(version, want string) {
		t.Helper()
		if got, err := l.Commit(t.Context(), url, version); err != nil || got != want {
			t.Errorf("version %q is %q (%v), want %q", version, got, err, want)
		}
	}
	read := func(commit, want string) {
		t.Helper()
		tree, err := l.Tree(t.Context(), url, commit)
		if err != nil || len(tree) != 1 || tree[0].Path != "go.hcl" {
			t.Fatalf("tree is %+v, error %v", tree, err)
		}
		files, err := l.Contents(t.Context(), url, commit, []string{"go.hcl"}, 100)
		if err != nil || string(files["go.hcl"]) != want {
			t.Errorf("file is %q (%v), want %q", files["go.hcl"], err, want)
		}
	}
	commit("v1", one)
	commit(one, one)
	read(one, "one")
	for _, version := range []string{"v2", "side", "main", one[:10], "--all", strings.Repeat("0", 40), r.git("rev-parse", "v1"), "v1^{}"} {
		_, err := l.Commit(t.Context(), url, version)
		wantKind(t, err, server.NotFound, "the repository file://"+r.dir+" has no ")
	}

	// The tag moves, and what it was is in no branch any more.
	r.git("checkout", "--quiet", "--orphan", "other")
	r.write("go.hcl", "two")
	two := r.commit("two")
	r.git("tag", "--force", "v1")
	r.git("branch", "--quiet", "--delete", "--force", "main", "side")
	commit("v1", two)
	read(two, "two")
	read(one, "one")

	// Nobody answers any more, also not another process.
	if err := os.Rename(r.dir, r.dir+".away"); err != nil {
		t.Fatal(err)
	}
	again := newMirrors(t)
	again.Dir = l.Mirrors.Dir
	l = &git.Libraries{Mirrors: again}
	read(one, "one")
	commit(two, two)
	_, err := l.Commit(t.Context(), url, "v1")
	wantKind(t, err, server.Unavailable, "cannot be read")
	_, err = l.Tree(t.Context(), url, strings.Repeat("1", 40))
	wantKind(t, err, server.Unavailable, "cannot be read")
	_, err = l.Commit(t.Context(), "ext::sh -c id", "v1")
	wantKind(t, err, server.Invalid, "no repository")
}
