package git_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
)

func TestResolve(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	fetch(t, m, r.project())
	_, err := m.Resolve(t.Context(), "app", "")
	wantKind(t, err, server.NotFound, "has no commit on its main branch yet")

	old := r.commit("old")
	r.git("tag", "--annotate", "--message", "x", "v1")
	r.git("tag", "both")
	now := r.commit("\n\nA title\nand more\n\nof it")
	r.git("branch", "both")
	r.git("checkout", "--quiet", "-b", "dev")
	fetch(t, m, r.project())

	main := server.Event{Ref: "refs/heads/main", Branch: "main", Commit: now, Title: "A title", Actor: "Dana", Message: "A title\nand more\n\nof it\n"}
	both, dev := main, main
	both.Ref, both.Branch = "refs/heads/both", "both"
	dev.Ref, dev.Branch = "refs/heads/dev", "dev"
	v1 := server.Event{Ref: "refs/tags/v1", Tag: "v1", Commit: old, Title: "old", Actor: "Dana", Message: "old\n"}
	tagBoth := server.Event{Ref: "refs/tags/both", Tag: "both", Commit: old, Title: "old", Actor: "Dana", Message: "old\n"}
	byHash := server.Event{Commit: old, Title: "old", Actor: "Dana", Message: "old\n"}
	for ref, want := range map[string]server.Event{
		"":                dev, // it is checked out there
		"main":            main,
		"refs/heads/main": main,
		"v1":              v1,
		"refs/tags/v1":    v1,
		"both":            both,
		"refs/tags/both":  tagBoth,
		old:               byHash,
		old[:10]:          byHash,
	} {
		got, err := m.Resolve(t.Context(), "app", ref)
		if err != nil {
			t.Errorf("%q: %v", ref, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", ref, diff)
		}
	}
	for _, ref := range []string{
		"nobody", "refs/heads/nobody", strings.Repeat("0", 40), "HEAD", "main^", "main~1", "main@{0}", ":/old", "main:x", "a..b",
		"main\nmain", "--all", "-x", strings.Repeat("x", 5000), "refs/heads/", "/", "^main", "v1^{tag}",
	} {
		_, err := m.Resolve(t.Context(), "app", ref)
		wantKind(t, err, server.NotFound, "has no branch, tag or commit")
	}
}

func TestFiles(t *testing.T) {
	// at commits what change makes of a work tree with two pipeline files, and reads the files.
	at := func(t *testing.T, change func(*repo)) ([]server.File, error) {
		r, m := newRepo(t), newMirrors(t)
		r.write(".tutti/ci.hcl", "pipeline")
		r.write(".tutti/b.hcl", "")
		r.write(".tutti/README.md", strings.Repeat("x", 300<<10))
		r.write(".tutti/sub/c.hcl", "not read")
		r.write("other.hcl", "not read")
		change(r)
		commit := r.commit("x")
		fetch(t, m, r.project())
		return m.Files(t.Context(), "app", commit, ".tutti/*.hcl")
	}
	link := func(r *repo, target, name string) {
		if err := os.Symlink(target, filepath.Join(r.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("OK", func(t *testing.T) {
		files, err := at(t, func(r *repo) { r.git("update-index", "--add", "--chmod=+x", ".tutti/b.hcl") })
		if err != nil {
			t.Fatal(err)
		}
		want := []server.File{{Name: ".tutti/b.hcl", Data: []byte{}}, {Name: ".tutti/ci.hcl", Data: []byte("pipeline")}}
		if diff := cmp.Diff(want, files); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	})
	t.Run("NoneMatches", func(t *testing.T) {
		files, err := at(t, func(r *repo) { r.git("add", "."); r.git("rm", "--quiet", "--force", ".tutti/ci.hcl", ".tutti/b.hcl") })
		if err != nil || len(files) != 0 {
			t.Errorf("files are %v, error %v", files, err)
		}
	})
	t.Run("ErrNoFolder", func(t *testing.T) {
		_, err := at(t, func(r *repo) {
			if err := os.RemoveAll(filepath.Join(r.dir, ".tutti")); err != nil {
				t.Fatal(err)
			}
		})
		if !errors.Is(err, server.ErrNoFolder) {
			t.Errorf("error is %v", err)
		}
	})
	for name, test := range map[string]struct {
		change func(*repo)
		words  string
	}{
		"ErrLink":       {func(r *repo) { link(r, "/etc/passwd", ".tutti/x.hcl") }, ".tutti/x.hcl is not a regular file, but a symbolic link"},
		"ErrLinkInside": {func(r *repo) { link(r, "ci.hcl", ".tutti/x.hcl") }, "symbolic link"},
		"ErrFolderIsALink": {func(r *repo) {
			if err := os.Rename(filepath.Join(r.dir, ".tutti"), filepath.Join(r.dir, "t")); err != nil {
				t.Fatal(err)
			}
			link(r, "t", ".tutti")
		}, ".tutti is not a folder"},
		"ErrLarge": {func(r *repo) { r.write(".tutti/ci.hcl", strings.Repeat("x", 256<<10+1)) }, ".tutti/ci.hcl has 262145 bytes"},
		"ErrTogether": {func(r *repo) {
			for i := range 5 {
				r.write(fmt.Sprintf(".tutti/%d.hcl", i), strings.Repeat("x", 250<<10))
			}
		}, "more than 1048576 bytes together"},
		"ErrMany": {func(r *repo) {
			for i := range 65 {
				r.write(fmt.Sprintf(".tutti/%d.hcl", i), "")
			}
		}, ".tutti has 67 files"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := at(t, test.change)
			wantKind(t, err, server.Invalid, test.words)
		})
	}
	t.Run("ErrNoCommit", func(t *testing.T) {
		r, m := newRepo(t), newMirrors(t)
		fetch(t, m, r.project())
		_, err := m.Files(t.Context(), "app", strings.Repeat("0", 40), ".tutti/*.hcl")
		wantKind(t, err, server.NotFound, "has no commit")
		_, err = m.Files(t.Context(), "app", "main", ".tutti/*.hcl")
		wantKind(t, err, server.Invalid, "is not the full hash")
	})
}

func TestChangedFiles(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	r.write("a", "1")
	r.write("dir/b", "1")
	r.write("c", strings.Repeat("same\n", 50))
	one := r.commit("one")
	r.write("a", "2")
	r.write("new \n$(id)", "1")
	r.git("rm", "--quiet", "dir/b")
	r.git("mv", "c", "moved")
	two := r.commit("two")
	fetch(t, m, r.project())
	got, err := m.ChangedFiles(t.Context(), "app", one, two)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "c", "dir/b", "moved", "new \n$(id)"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := m.ChangedFiles(t.Context(), "app", one, one); err != nil || got == nil || len(got) != 0 {
		t.Errorf("between a commit and itself: %v, error %v", got, err)
	}
	_, err = m.ChangedFiles(t.Context(), "app", "--output=/tmp/x", two)
	wantKind(t, err, server.Invalid, "full hash")
}
