package docker_test

import (
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

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}
