package git_test

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/forge/git"
)

// A repo is somebody's repository, with a work tree.
type repo struct {
	t   testing.TB
	dir string
}

func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{t: t, dir: t.TempDir()}
	r.git("init", "--quiet", "--initial-branch=main")
	return r
}

// git runs git as the repository's owner would, and answers what it prints.
func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Dana", "GIT_AUTHOR_EMAIL=dana@example.com", "GIT_COMMITTER_NAME=Dana", "GIT_COMMITTER_EMAIL=dana@example.com")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit commits all there is, and answers the hash.
func (r *repo) commit(message string) string {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--allow-empty", "--message", message)
	return r.git("rev-parse", "HEAD")
}

func (r *repo) project() server.Project { return server.Project{Name: "app", URL: r.dir} }

func newMirrors(t testing.TB) *git.Mirrors {
	t.Helper()
	return &git.Mirrors{Dir: filepath.Join(t.TempDir(), "mirrors"), Log: slog.New(slog.DiscardHandler)}
}

func fetch(t testing.TB, m *git.Mirrors, p server.Project) {
	t.Helper()
	if err := m.Fetch(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind server.Kind, words string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of kind %s", kind)
	}
	if got := server.KindOf(err); got != kind || !strings.Contains(err.Error(), words) {
		t.Fatalf("error is %s (%v), want %s with %q", got, err, kind, words)
	}
}
