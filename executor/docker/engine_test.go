package docker_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

func TestSuite(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		return enginetest.Subject{Engine: newEngine(t, docker.Config{}), Image: dockertest.Busybox(t)}
	})
}

// newEngine answers an engine of its own agent. At the end of the test, when its rooms are closed, nothing may be left.
func newEngine(t testing.TB, config docker.Config) *docker.Engine {
	t.Helper()
	dockertest.Require(t)
	config.DataDir = t.TempDir()
	config.AgentID = strings.ReplaceAll(t.Name(), "/", ".")
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
		if left := dockertest.Leftovers(t, docker.LabelAgent+"="+config.AgentID); len(left) > 0 {
			t.Errorf("left on Docker: %v", left)
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
	if err := engine.Sweep(ctx); err == nil {
		t.Error("a sweep without time says that it removed everything")
	}
	// newEngine looks at what is left after Close.
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}
