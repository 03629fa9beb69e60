package git_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
)

func TestFetchAndHeads(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	heads := func(want map[string]string) {
		t.Helper()
		fetch(t, m, r.project())
		got, err := m.Heads(t.Context(), "app")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("heads (-want +got):\n%s", diff)
		}
	}
	heads(map[string]string{}) // an empty repository is one

	one := r.commit("one")
	r.git("tag", "light")
	r.git("tag", "--annotate", "--message", "x", "heavy")
	r.git("tag", "tree", "HEAD^{tree}")
	// Names that would be options or commands, if anybody let them.
	hostile := []string{"--exec=id", "$(id)", "-u;id", "--upload-pack=id", "a|b", "grün"}
	want := map[string]string{"refs/heads/main": one, "refs/tags/light": one, "refs/tags/heavy": one}
	for _, name := range hostile {
		r.git("update-ref", "refs/heads/"+name, one)
		want["refs/heads/"+name] = one
	}
	heads(want)
	for _, name := range hostile {
		e, err := m.Resolve(t.Context(), "app", name)
		if err != nil || e.Branch != name || e.Commit != one {
			t.Errorf("branch %q resolves to %+v, error %v", name, e, err)
		}
		r.git("update-ref", "-d", "refs/heads/"+name)
	}

	r.git("commit", "--quiet", "--amend", "--allow-empty", "--message", "forced")
	two := r.git("rev-parse", "HEAD")
	r.git("tag", "--delete", "light")
	r.git("branch", "a")
	heads(map[string]string{"refs/heads/main": two, "refs/heads/a": two, "refs/tags/heavy": one})
	r.git("branch", "--move", "a", "a/b") // a file becomes a folder
	heads(map[string]string{"refs/heads/main": two, "refs/heads/a/b": two, "refs/tags/heavy": one})
}

func TestFetchFollowsTheURL(t *testing.T) {
	first, second, m := newRepo(t), newRepo(t), newMirrors(t)
	first.commit("first")
	second.write("x", "x")
	want := second.commit("second")
	fetch(t, m, first.project())
	fetch(t, m, second.project())
	if e, err := m.Resolve(t.Context(), "app", ""); err != nil || e.Commit != want {
		t.Errorf("got %+v, error %v", e, err)
	}
}

func TestFetchSurvivesAKilledGit(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	r.commit("one")
	fetch(t, m, r.project())
	// Another process, killed in the middle of its fetch, left these.
	for _, name := range []string{"packed-refs.lock", "refs/heads/main.lock", "shallow.lock"} {
		if err := os.WriteFile(filepath.Join(m.Dir, "app.git", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := r.commit("two")
	again := newMirrors(t)
	again.Dir = m.Dir
	fetch(t, again, r.project())
	if e, err := again.Resolve(t.Context(), "app", "main"); err != nil || e.Commit != want {
		t.Errorf("got %+v, error %v", e, err)
	}
}

// The host lost its power while the mirror was made: its files are there, and empty.
func TestFetchMakesADamagedMirrorAnew(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	want := r.commit("one")
	fetch(t, m, r.project())
	for _, name := range []string{"HEAD", "config", "packed-refs"} {
		if err := os.WriteFile(filepath.Join(m.Dir, "app.git", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := newMirrors(t)
	again.Dir = m.Dir
	fetch(t, again, r.project())
	if e, err := again.Resolve(t.Context(), "app", "main"); err != nil || e.Commit != want {
		t.Errorf("got %+v, error %v", e, err)
	}
}

func TestFetchAtTheSameTime(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	r.commit("one")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := m.Fetch(t.Context(), r.project()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestFetchFromAnotherUsersRepository(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	r, m := newRepo(t), newMirrors(t)
	r.commit("one")
	err := filepath.WalkDir(r.dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, 12345, 12345))
	})
	if err != nil {
		t.Fatal(err)
	}
	fetch(t, m, r.project())
}

// TestFetchRunsNothing plants what a repository could bring to be executed.
func TestFetchRunsNothing(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	witness := filepath.Join(t.TempDir(), "executed")
	script := "#!/bin/sh\ntouch " + witness + "\nexec \"$@\"\n"
	hook := filepath.Join(r.dir, ".git", "hooks", "hook.sh")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write(".gitattributes", "*.txt filter=evil diff=evil\n")
	r.write("a.txt", "a")
	one := r.commit("one")
	for _, key := range []string{"core.fsmonitor", "filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "uploadpack.packObjectsHook", "core.pager"} {
		r.git("config", key, hook)
	}
	r.write("a.txt", "b")
	r.git("-c", "core.fsmonitor=", "-c", "filter.evil.clean=", "commit", "--quiet", "--all", "--message", "two")
	two := r.git("-c", "core.fsmonitor=", "rev-parse", "HEAD")
	if err := os.Remove(witness); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}

	fetch(t, m, r.project())
	if _, err := m.ChangedFiles(t.Context(), "app", one, two); err != nil {
		t.Fatal(err)
	}
	if err := m.Archive(t.Context(), "app", two, &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(witness); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something of the repository was executed (%v)", err)
	}
}

func TestFetchErrors(t *testing.T) {
	m := newMirrors(t)
	t.Run("ErrNoRepository", func(t *testing.T) {
		p := server.Project{Name: "app", URL: filepath.Join(t.TempDir(), "nothing")}
		wantKind(t, m.Fetch(t.Context(), p), server.Unavailable, "does not appear to be a git repository")
	})
	t.Run("ErrPasswordStaysSecret", func(t *testing.T) {
		p := server.Project{Name: "app", URL: "http://dana:hunter2@127.0.0.1:1/x.git"}
		err := m.Fetch(t.Context(), p)
		wantKind(t, err, server.Unavailable, " at http://127.0.0.1:1/x.git cannot be read")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("ErrName", func(t *testing.T) {
		for _, name := range []string{"../x", "", "a/b", ".."} {
			wantKind(t, m.Fetch(t.Context(), server.Project{Name: name, URL: "/srv/x"}), server.Invalid, "project name")
		}
	})
	t.Run("ErrContext", func(t *testing.T) {
		r := newRepo(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.Fetch(ctx, r.project()); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
}

func BenchmarkFetchAndHeads(b *testing.B) {
	r, m := newRepo(b), newMirrors(b)
	for range 20 {
		r.commit("x")
	}
	fetch(b, m, r.project())
	for _, news := range []bool{false, true} {
		b.Run(map[bool]string{false: "NothingNew", true: "OneCommit"}[news], func(b *testing.B) {
			for b.Loop() {
				if news {
					b.StopTimer()
					r.commit("more")
					b.StartTimer()
				}
				fetch(b, m, r.project())
				if _, err := m.Heads(b.Context(), "app"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
