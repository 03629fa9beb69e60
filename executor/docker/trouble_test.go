package docker_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

func TestCheckErr(t *testing.T) {
	for name, c := range map[string]struct{ host, want string }{
		"ErrNobodyAnswers": {"unix:///tmp/no-such-docker.sock", "Docker does not answer at unix:///tmp/no-such-docker.sock: "},
		"ErrNotLocal":      {"tcp://192.0.2.1:2375", "needs a Docker engine on the same machine, and DOCKER_HOST is tcp://192.0.2.1:2375"},
	} {
		t.Run(name, func(t *testing.T) {
			engine, err := docker.New(docker.Config{Host: c.host, DataDir: t.TempDir(), AgentID: "none", Patience: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer engine.Close()
			if err := engine.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check answers %v", err)
			}
			checkCannotRun(t, engine)
		})
	}
}

// TestHungDockerInWords has an engine that takes connections and says nothing: people are told so, and not the address of a request.
func TestHungDockerInWords(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	silent, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	engine, err := docker.New(docker.Config{Host: "unix://" + socket, DataDir: t.TempDir(), AgentID: "none"})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for want, err := range map[string]error{
		"docker unhealthy: Docker does not answer at unix://" + socket + " within 5s": engine.Check(t.Context()),
		"sweeping: listing containers: no answer in time":                             engine.Sweep(short, nil),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "%2F") {
			t.Errorf("it is said: %v\nwant: %s", err, want)
		}
	}
}

func checkCannotRun(t *testing.T, engine *docker.Engine) {
	t.Helper()
	spec := enginetest.Script("any", "true")
	room, err := engine.Open(t.Context(), spec)
	if err != nil {
		return
	}
	if _, err := room.Run(t.Context(), only(spec), enginetest.NewSpool(t).Output()); err == nil {
		t.Error("an activity ran")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := room.Close(ctx); err != nil {
		t.Errorf("closing a room in which nothing was made: %v", err)
	}
}

// A log that cannot be written is never taken for a short one: its process waits.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	spec := sequence(dockertest.Busybox(t), "echo lost")
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	out := enginetest.NewSpool(t).Output()
	out.Log = full
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, executor.Canceled{Reason: "by a test"})
	defer cancel()
	exit, err := room.Run(ctx, only(spec), out)
	if err == nil || exit.LogBytes != 0 {
		t.Errorf("exit %+v, error %v", exit, err)
	}
}

// A container that somebody kills is the infrastructure's trouble, not the script's.
func TestKilledContainer(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), "echo ready; sleep 60")
	room, spool := enginetest.Open(t, newEngine(t, docker.Config{}), spec), enginetest.NewSpool(t)
	done := make(chan error, 1)
	go func() {
		_, err := room.Run(t.Context(), only(spec), spool.Output())
		done <- err
	}()
	spool.AwaitBytes(1)
	id := awaitContainer(t, docker.LabelAgent+"="+agentID(t))
	if err := dockertest.Require(t).ContainerKill(t.Context(), id, "KILL"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || err.Error() != "the container was killed by somebody, with exit code 137" {
		t.Errorf("Run answers %v", err)
	}
}

// awaitContainer answers the running container with these labels. Docker may know of it later than its shim spoke.
func awaitContainer(t *testing.T, labels ...string) (id string) {
	t.Helper()
	api, wanted := dockertest.Require(t), filters.NewArgs()
	for _, l := range labels {
		wanted.Add("label", l)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		found, err := api.ContainerList(t.Context(), container.ListOptions{Filters: wanted})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 1 {
			return found[0].ID
		}
	}
	t.Fatalf("no container has the labels %q", labels)
	return ""
}

// Rooms of an agent that died are swept by the next one.
func TestSweep(t *testing.T) {
	engine := newEngine(t, docker.Config{})
	spec := sequence(dockertest.Busybox(t), "true")
	room, err := engine.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Run(t.Context(), only(spec), enginetest.NewSpool(t).Output()); err != nil {
		t.Fatal(err)
	}
	label := docker.LabelAgent + "=" + agentID(t)
	if left := dockertest.Leftovers(t, label); len(left) < 3 {
		t.Fatalf("there is only %v to sweep", left)
	}
	if err := engine.Sweep(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if left := dockertest.Leftovers(t, label); len(left) < 3 {
		t.Fatalf("a sweep removes what is in use: there is only %v", left)
	}
	for deadline := time.Now().Add(20 * time.Second); len(dockertest.Leftovers(t, label)) < 4 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond) // until the network of the next job is there
	}
	next, err := docker.New(docker.Config{DataDir: t.TempDir(), AgentID: agentID(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := next.Sweep(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if left := dockertest.Leftovers(t, label); len(left) > 0 {
		t.Errorf("left on Docker: %v", left)
	}
	if err := room.Close(context.Background()); err != nil {
		t.Errorf("closing a room that was swept: %v", err)
	}
}

func TestTimeoutIsNamed(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), "sleep 60", "true")
	spec.Job.Activities[0].Timeout = 200e6
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	outcome, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: spec.Job, Room: room, Reporter: &reporter{t: t}})
	if err != nil || outcome.Cause != "a0: timeout of 200ms exceeded" {
		t.Errorf("outcome %+v, %v", outcome, err)
	}
}

// A room that could not be closed in time can be closed later.
func TestCloseAgain(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), "true")
	room, err := newEngine(t, docker.Config{}).Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Run(t.Context(), only(spec), enginetest.NewSpool(t).Output()); err != nil {
		t.Fatal(err)
	}
	none, cancel := context.WithCancel(t.Context())
	cancel()
	if err := room.Close(none); err == nil {
		t.Error("a room was closed without time")
	}
	if err := room.Close(t.Context()); err != nil {
		t.Errorf("closing it again: %v", err)
	}
	// newEngine looks at what is left.
}
