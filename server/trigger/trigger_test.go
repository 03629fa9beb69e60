package trigger_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/forge/git"
	"github.com/tutti-ci/tutti/server/store"
	"github.com/tutti-ci/tutti/server/trigger"
)

// A scene is a trigger over a real database, real git and the real compiler, and somebody's repository.
type scene struct {
	*trigger.Trigger
	t        testing.TB
	db       *store.DB
	dir      string // of the repository, with a work tree
	compiler *compiler
	now      time.Time // that the trigger sees, if it is set
}

// A compiler compiles in this process; during is called before it answers. What instead answers is the answer, if that is set.
type compiler struct {
	mu      sync.Mutex
	during  func(dsl.Request)
	instead func(dsl.Request) dsl.Response
	err     error
}

func (c *compiler) Compile(_ context.Context, req dsl.Request) (dsl.Response, error) {
	c.mu.Lock()
	during, instead, err := c.during, c.instead, c.err
	c.mu.Unlock()
	if during != nil {
		during(req)
	}
	if err != nil {
		return dsl.Response{}, err
	}
	if instead != nil {
		return instead(req), nil
	}
	return dsl.Compile(req), nil
}

func newScene(t testing.TB) *scene {
	t.Helper()
	data := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(data, "tutti.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.DiscardHandler)
	s := &scene{t: t, db: db, dir: t.TempDir(), compiler: &compiler{}}
	s.Trigger = &trigger.Trigger{
		Store: db, Forge: &git.Mirrors{Dir: filepath.Join(data, "mirrors"), Log: log},
		Libraries: &git.Libraries{Mirrors: &git.Mirrors{Dir: filepath.Join(data, "libraries"), Log: log}},
		Compiler:  s.compiler, Log: log,
		Now: func() time.Time {
			if s.now.IsZero() {
				return time.Now()
			}
			return s.now
		},
	}
	s.git("init", "--quiet", "--initial-branch=main")
	return s
}

func (s *scene) project() server.Project { return server.Project{Name: "app", URL: s.dir} }

// registered is a scene whose project is known, and empty.
func registered(t testing.TB) *scene {
	t.Helper()
	s := newScene(t)
	if err := s.Register(t.Context(), s.project()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) git(args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "git", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Dana", "GIT_AUTHOR_EMAIL=dana@example.com", "GIT_COMMITTER_NAME=Dana", "GIT_COMMITTER_EMAIL=dana@example.com")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// commit commits a file of that text, and answers the hash. Without a name it commits nothing.
func (s *scene) commit(name, text string) string {
	s.t.Helper()
	if name != "" {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	s.git("add", "--all")
	s.git("commit", "--quiet", "--allow-empty", "--message", "Change "+name)
	return s.git("rev-parse", "HEAD")
}

// pipeline is a pipeline of two jobs with those triggers and more in it.
func pipeline(name, more string) string {
	return fmt.Sprintf(`pipeline %q {
  %s
  job "test" {
    image = "alpine"
    activity "do" { script = "true" }
  }
  job "deploy" {
    needs = [job.test]
    image = "alpine"
    activity "do" { script = "true" }
  }
}
`, name, more)
}

const onPush, onManual = "on \"push\" {}\n", "on \"manual\" {}\n"

// push pushes, and answers the runs as "ci: queued", in their order.
func (s *scene) push() []string {
	s.t.Helper()
	runs, err := s.Push(s.t.Context(), "app")
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, r := range runs {
		all = append(all, brief(r))
	}
	return all
}

func brief(r server.Run) string {
	text := r.Pipeline + ": " + string(r.State)
	if r.State == plan.Done {
		text += " " + string(r.Result) + ", " + r.Cause
	}
	return text
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("runs are %q, want %q", got, want)
	}
}

func wantError(t testing.TB, err error, kind server.Kind, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of kind %s", kind)
	}
	if server.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %s (%v), want %s with %q", server.KindOf(err), err, kind, text)
	}
}
