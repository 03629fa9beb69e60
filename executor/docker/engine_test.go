package docker_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

func TestSuite(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		config := docker.Config{DataDir: t.TempDir()}
		return enginetest.Subject{
			Engine: newEngine(t, config), Image: dockertest.Busybox(t),
			Next: func() executor.Engine { return nextEngine(t, config) },
			Lose: func() { removeContainers(t) },
		}
	})
}

// removeContainers removes the containers of this test's agent, as somebody may.
func removeContainers(t *testing.T) {
	t.Helper()
	api := dockertest.Require(t)
	found, err := api.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", docker.LabelAgent+"="+agentID(t)))})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		if err := api.ContainerRemove(t.Context(), c.ID, container.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
			t.Fatal(err)
		}
	}
}

// newEngine answers an engine of its own agent. At the end of the test, when its rooms are closed, nothing may be left.
func newEngine(t testing.TB, config docker.Config) *docker.Engine {
	t.Helper()
	dockertest.Require(t)
	t.Cleanup(func() {
		if left := dockertest.Leftovers(t, docker.LabelAgent+"="+agentID(t)); len(left) > 0 {
			t.Errorf("left on Docker: %v", left)
		}
	})
	return nextEngine(t, config)
}

// nextEngine answers an engine of another process of the same agent.
func nextEngine(t testing.TB, config docker.Config) *docker.Engine {
	t.Helper()
	if config.DataDir == "" {
		config.DataDir = t.TempDir()
	}
	config.AgentID = agentID(t)
	if config.Grace == 0 {
		config.Grace = 300 * time.Millisecond
	}
	config.Log = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	engine, err := docker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := engine.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return engine
}

// An agent may be stopped in the middle of its first sweep, with a network being made ahead.
func TestCloseRemovesWhatASweepCouldNot(t *testing.T) {
	engine := newEngine(t, docker.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := engine.Sweep(ctx, nil); err == nil {
		t.Error("a sweep without time says that it removed everything")
	}
	// newEngine looks at what is left after Close.
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}
