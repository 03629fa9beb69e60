//go:build linux

package docker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// ownDaemon answers a Docker engine that this test may hurt, with busybox.
func ownDaemon(t *testing.T, options ...string) *dockertest.Daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "tutti-dockerd-")
	if err != nil {
		t.Fatal(err)
	}
	return daemonIn(t, dir, options...)
}

func daemonIn(t *testing.T, dir string, options ...string) *dockertest.Daemon {
	t.Helper()
	api, image := dockertest.Require(t), dockertest.Busybox(t)
	if os.Getuid() != 0 {
		t.Skip("only root can start a Docker engine")
	}
	d, err := dockertest.StartDaemon(dir, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing the Docker engine: %v", err)
		}
	})
	if err := d.Load(t.Context(), api, image); err != nil {
		t.Fatal(err)
	}
	return d
}

// busyboxName is the image of ownDaemon.
const busyboxName = "tutti-test/busybox:latest"

func engineOn(t *testing.T, d *dockertest.Daemon, config docker.Config) *docker.Engine {
	t.Helper()
	config.Host = d.Host()
	return nextEngine(t, config)
}

type ended struct {
	exit executor.Exit
	err  error
}

// running runs the first activity of a job until it wrote something.
func running(t *testing.T, d *dockertest.Daemon, engine *docker.Engine, spec executor.RoomSpec) (executor.Room, *enginetest.Spool, <-chan ended, *executor.Ticket) {
	t.Helper()
	room, spool, done := enginetest.Open(t, engine, spec), enginetest.NewSpool(t), make(chan ended, 1)
	out, ticket := spool.Output(), new(executor.Ticket)
	out.Going = func(going executor.Ticket) error { *ticket = going; return nil }
	go func() {
		exit, err := room.Run(t.Context(), only(spec), out)
		done <- ended{exit, err}
	}()
	spool.AwaitBytes(1)
	awaitKnown(t, d) // or one that is killed now forgets it
	return room, spool, done, ticket
}

// awaitKnown answers the container of this test's agent once Docker itself knows that it runs, which may be later than its
// shim spoke.
func awaitKnown(t *testing.T, d *dockertest.Daemon) (id string) {
	t.Helper()
	api, err := d.Client()
	try(t, err)
	defer api.Close()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		found, err := api.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", docker.LabelAgent+"="+agentID(t)))})
		try(t, err)
		if len(found) > 0 {
			return found[0].ID
		}
	}
	t.Fatal("Docker knows of no container that runs")
	return ""
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const restarted = "Docker was restarted while it ran (live-restore is off)"

// A Docker engine that ends its containers when it is restarted is named as the cause, and the job can go on.
func TestDockerIsRestarted(t *testing.T) {
	d := ownDaemon(t)
	for name, end := range map[string]func() error{"Killed": d.Kill, "Stopped": d.Stop} {
		t.Run(name, func(t *testing.T) {
			spec := sequence(busyboxName, "echo ready; sleep 60")
			room, _, done, _ := running(t, d, engineOn(t, d, docker.Config{}), spec)
			try(t, end())
			try(t, d.Start())
			if a := <-done; a.err == nil || a.err.Error() != restarted {
				t.Errorf("Run answers %+v, %v", a.exit, a.err)
			}
			step, spool := only(spec), enginetest.NewSpool(t)
			step.Script = "echo again"
			if exit, err := room.Run(t.Context(), step, spool.Output()); err != nil || exit.Code != 0 || spool.Text() != "again\n" {
				t.Errorf("the next try: %+v, %v; log %q", exit, err, spool.Text())
			}
		})
	}
	t.Run("WhileTheAgentWasAway", func(t *testing.T) {
		config := docker.Config{DataDir: t.TempDir()}
		spec := sequence(busyboxName, "echo ready; sleep 60")
		room, spool, done, ticket := running(t, d, engineOn(t, d, config), spec)
		room.Leave()
		<-done
		try(t, d.Kill())
		next, err := docker.New(docker.Config{Host: d.Host(), DataDir: config.DataDir, AgentID: agentID(t)})
		try(t, err)
		defer next.Close()
		spec.Tickets = []executor.Ticket{*ticket}
		gone := (*executor.GoneError)(nil)
		if _, err := next.Adopt(t.Context(), spec); err == nil || errors.As(err, &gone) {
			t.Errorf("adopting while Docker is away: %v", err)
		}
		try(t, d.Start())
		adopted, err := next.Adopt(t.Context(), spec)
		try(t, err)
		if _, err := adopted.Rejoin(t.Context(), only(spec), spool.Output(), *ticket); !errors.As(err, &gone) || gone.Reason != restarted {
			t.Errorf("Rejoin answers %v", err)
		}
		try(t, adopted.Close(t.Context()))
	})
	t.Run("SomebodyElse", func(t *testing.T) {
		spec := sequence(busyboxName, "echo ready; sleep 60")
		_, _, done, _ := running(t, d, engineOn(t, d, docker.Config{}), spec)
		api, err := d.Client()
		try(t, err)
		defer api.Close()
		try(t, api.ContainerRemove(t.Context(), awaitKnown(t, d), container.RemoveOptions{Force: true}))
		if a := <-done; a.err == nil || a.err.Error() != "the container was removed by somebody" {
			t.Errorf("Run answers %+v, %v", a.exit, a.err)
		}
	})
}

// With live-restore nothing is lost, and who needs a container while Docker is away or hangs waits for it.
func TestDockerComesBack(t *testing.T) {
	d := ownDaemon(t, "--live-restore")
	engine := engineOn(t, d, docker.Config{})
	// Each leaves something behind, so that the next one needs a container of its own.
	spec := sequence(busyboxName, "echo ready; echo x > /left; sleep 1; echo done", "echo x > /left; echo second", "echo third")
	room, spool, done, _ := running(t, d, engine, spec)
	try(t, d.Kill())
	late := make(chan error, 1)
	go func() {
		time.Sleep(2 * time.Second)
		late <- d.Start()
	}()
	if a := <-done; a.err != nil || a.exit.Code != 0 || spool.Text() != "ready\ndone\n" {
		t.Errorf("Run answers %+v, %v; log %q", a.exit, a.err, spool.Text())
	}
	next := enginetest.NewSpool(t)
	if exit, err := room.Run(t.Context(), executor.Step{Activity: spec.Job.Activities[1]}, next.Output()); err != nil || exit.Code != 0 || next.Text() != "second\n" {
		t.Errorf("after Docker was away: %+v, %v; log %q", exit, err, next.Text())
	}
	try(t, <-late)

	try(t, d.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := engine.Check(ctx); err == nil || !strings.HasPrefix(err.Error(), "docker unhealthy: ") {
		t.Errorf("Check answers %v", err)
	}
	go func() {
		time.Sleep(time.Second)
		late <- d.Resume()
	}()
	last := enginetest.NewSpool(t)
	if exit, err := room.Run(t.Context(), executor.Step{Activity: spec.Job.Activities[2]}, last.Output()); err != nil || exit.Code != 0 || last.Text() != "third\n" {
		t.Errorf("after Docker hung: %+v, %v; log %q", exit, err, last.Text())
	}
	try(t, <-late)
	if err := engine.Check(t.Context()); err != nil {
		t.Errorf("Check answers %v", err)
	}
}

// A disk of Docker that is full is never green and never silent, and it is no fault of the job's that nothing can be made.
func TestDockersDiskIsFull(t *testing.T) {
	dockertest.Require(t)
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	dir, err := os.MkdirTemp("", "tutti-dockerd-")
	try(t, err)
	root := filepath.Join(dir, "docker")
	try(t, os.Mkdir(root, 0o700))
	try(t, syscall.Mount("tmpfs", root, "tmpfs", 0, "size=48m"))
	d := daemonIn(t, dir)
	engine := engineOn(t, d, docker.Config{MinFree: 8 << 20})
	spec := sequence(busyboxName, "dd if=/dev/zero of=big bs=1M || exit 3", "true", "rm big")
	room := enginetest.Open(t, engine, spec)
	exit, err := room.Run(t.Context(), only(spec), enginetest.NewSpool(t).Output())
	want := " bytes free in " + root
	if err != nil || exit.Code != 3 || !strings.HasPrefix(exit.Hint, "Docker's disk is full: ") || !strings.HasSuffix(exit.Hint, want) {
		t.Errorf("exit %+v, %v", exit, err)
	}
	if err := engine.Check(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "Docker's disk is full: ") || !strings.Contains(err.Error(), want) {
		t.Errorf("Check answers %v", err)
	}
	other := enginetest.Open(t, engine, executor.RoomSpec{Run: 8, Epoch: 1, Job: spec.Job})
	_, err = other.Run(t.Context(), only(spec), enginetest.NewSpool(t).Output())
	var image *executor.ImageError
	if err == nil || !strings.HasPrefix(err.Error(), "Docker's disk is full: ") || errors.As(err, &image) {
		t.Errorf("a container on a full disk: %v", err)
	}
	try(t, os.Remove(filepath.Join(root, "volumes", fmt.Sprintf("%s/_data/big", volumeOf(t, d)))))
	if err := engine.Check(t.Context()); err != nil {
		t.Errorf("Check answers %v when there is room again", err)
	}
	if _, err := other.Run(t.Context(), executor.Step{Activity: spec.Job.Activities[1]}, enginetest.NewSpool(t).Output()); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

// volumeOf answers the volume of the first job.
func volumeOf(t *testing.T, d *dockertest.Daemon) string {
	t.Helper()
	found, err := filepath.Glob(strings.TrimPrefix(filepath.Join(filepath.Dir(d.Socket()), "docker/volumes/tutti-7-*"), "unix://"))
	if err != nil || len(found) != 1 {
		t.Fatalf("volumes %q, %v", found, err)
	}
	return filepath.Base(found[0])
}
