package docker_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// proxied answers an engine that talks to Docker through a proxy.
func proxied(t *testing.T, config docker.Config) (*docker.Engine, *dockertest.Proxy) {
	t.Helper()
	folder, err := os.MkdirTemp("", "tutti-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "sock")
	proxy, err := dockertest.StartProxy(path, strings.TrimPrefix(dockertest.Require(t).DaemonHost(), "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	config.Host = "unix://" + path
	return newEngine(t, config), proxy
}

// Whatever Docker says about one call, the job goes on as if nothing had been, and nothing is made twice or left.
func TestDockerFailsOnce(t *testing.T) {
	for _, call := range []string{"create", "start", "remove", "network_remove", "volume_remove", "image", "inspect"} {
		for _, way := range []dockertest.Way{dockertest.Fail, dockertest.ExecThenFail} {
			t.Run(call+"/"+string(way), func(t *testing.T) {
				t.Parallel()
				engine, proxy := proxied(t, docker.Config{Patience: 10 * time.Second})
				if err := proxy.Break(call, way, 1); err != nil {
					t.Fatal(err)
				}
				spec := sequence(dockertest.Busybox(t), "echo x > /left", "ls /left 2>/dev/null || echo none")
				room, err := engine.Open(t.Context(), spec)
				if err != nil {
					t.Fatal(err)
				}
				_, texts := enginetest.RunAll(t, room, spec.Job)
				if texts[1] != "none\n" {
					t.Errorf("logs %q", texts)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				if err := room.Close(ctx); err != nil {
					t.Error(err)
				}
				if call != "inspect" && proxy.Broken(call) == 0 {
					t.Errorf("there was no call of %s", call)
				}
			})
		}
	}
}

// A network is made once, though Docker allows two of a name.
func TestNetworkIsMadeOnce(t *testing.T) {
	for _, way := range []dockertest.Way{dockertest.Fail, dockertest.ExecThenFail, dockertest.Hang, dockertest.ExecThenHang} {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			// A third of the patience is for each try, and a busy machine is slow.
			engine, proxy := proxied(t, docker.Config{Patience: 12 * time.Second})
			if err := proxy.Break("network_create", way, 1); err != nil {
				t.Fatal(err)
			}
			spec := sequence(dockertest.Busybox(t), "true")
			for range 2 { // the first one takes the network that was made ahead
				room := enginetest.Open(t, engine, spec)
				enginetest.RunAll(t, room, spec.Job)
				if err := room.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if proxy.Broken("network_create") != 1 {
				t.Error("no network was made")
			}
		})
	}
}

// A network that Docker makes when nobody waits for it any more is removed all the same.
func TestDockerMakesANetworkTooLate(t *testing.T) {
	engine, proxy := proxied(t, docker.Config{Patience: time.Second})
	if err := proxy.Break("network_create", dockertest.HangThenExec, -1); err != nil {
		t.Fatal(err)
	}
	spec := sequence(dockertest.Busybox(t), "true")
	room := enginetest.Open(t, engine, spec)
	if exit, err := room.Run(t.Context(), only(spec), enginetest.NewSpool(t).Output()); err == nil {
		t.Errorf("the activity ran: %+v", exit)
	}
	if err := room.Close(t.Context()); err != nil {
		t.Error(err)
	}
	proxy.Settle()
	// newEngine looks at what is left.
}

// An engine that hangs is waited for, for a while.
func TestDockerHangs(t *testing.T) {
	for call, c := range map[string]struct {
		way  dockertest.Way
		want string // of the cause; empty if the activity runs all the same
	}{
		"create": {dockertest.Hang, "Docker did not answer for 3s: creating a container of "},
		"start":  {dockertest.Hang, "Docker did not answer for 3s: starting a container of "},
		"image":  {dockertest.Hang, "Docker did not answer for 3s: asking Docker for image "},
		"pull":   {dockertest.Hang, "its pull made no progress for 1s"},
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			engine, proxy := proxied(t, docker.Config{Patience: 3 * time.Second, PullSilence: time.Second})
			if err := proxy.Break(call, c.way, -1); err != nil {
				t.Fatal(err)
			}
			spec := sequence(dockertest.Busybox(t), "true")
			if call == "pull" {
				spec.Job.Activities[0].Image = enginetest.MissingImage
			}
			room, began := enginetest.Open(t, engine, spec), time.Now()
			_, err := room.Run(t.Context(), only(spec), enginetest.NewSpool(t).Output())
			if err == nil || !strings.Contains(err.Error(), c.want) || time.Since(began) > 20*time.Second {
				t.Errorf("Run answers %v after %v", err, time.Since(began))
			}
			proxy.Heal(call)
			if call == "pull" {
				return
			}
			if exit, err := room.Run(t.Context(), only(spec), enginetest.NewSpool(t).Output()); err != nil || exit.Code != 0 {
				t.Errorf("the next try: %+v, %v", exit, err)
			}
		})
	}
}

// An engine that does its work and does not say so is no reason to wait: the shim says more.
func TestStartWithoutAnAnswer(t *testing.T) {
	engine, proxy := proxied(t, docker.Config{Patience: 2 * time.Second})
	if err := proxy.Break("start", dockertest.ExecThenHang, -1); err != nil {
		t.Fatal(err)
	}
	spec := sequence(dockertest.Busybox(t), "echo x > /left", "ls /left 2>/dev/null || echo none")
	if _, texts := enginetest.RunAll(t, enginetest.Open(t, engine, spec), spec.Job); texts[1] != "none\n" {
		t.Errorf("logs %q", texts)
	}
}

// A room that could not be taken up is swept once nobody wants it any more.
func TestSweepWhatCouldNotBeAdopted(t *testing.T) {
	config := docker.Config{DataDir: t.TempDir()}
	spec := sequence(dockertest.Busybox(t), "echo one; sleep 60")
	engine := nextEngine(t, config)
	leave(t, engine, &spec)
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}

	next, proxy := proxied(t, config)
	if err := proxy.Break("list", dockertest.Fail, -1); err != nil {
		t.Fatal(err)
	}
	if adopted, err := next.Adopt(t.Context(), spec); err == nil {
		t.Errorf("it was adopted: %v", adopted)
	}
	proxy.Heal("list")
	if err := next.Sweep(t.Context(), nil); err != nil {
		t.Error(err)
	}
	// newEngine looks at what is left.
}

// What the agent is told of Docker's health.
func TestCheckFaults(t *testing.T) {
	engine, proxy := proxied(t, docker.Config{})
	for _, call := range []string{"ping", "list"} {
		if err := proxy.Break(call, dockertest.Hang, -1); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if err := engine.Check(ctx); err == nil || !strings.HasPrefix(err.Error(), "docker unhealthy: Docker does not answer at unix://") {
			t.Errorf("%s: Check answers %v", call, err)
		}
		cancel()
		proxy.Heal(call)
		if err := engine.Check(t.Context()); err != nil {
			t.Errorf("%s: Check answers %v when it works again", call, err)
		}
	}
	wanting := nextEngine(t, docker.Config{})
	if err := wanting.Check(t.Context()); err != nil {
		t.Error(err)
	}
	greedy, err := docker.New(docker.Config{AgentID: agentID(t), DataDir: t.TempDir(), MinFree: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	defer greedy.Close()
	if err := greedy.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "bytes free in /") {
		t.Errorf("Check answers %v", err)
	}
}

// A container in the way that is not as it has to be is another's, and removed; one that is, is taken.
func TestContainerInTheWay(t *testing.T) {
	engine, api := newEngine(t, docker.Config{}), dockertest.Require(t)
	spec := sequence(dockertest.Busybox(t), "echo fine")
	room := enginetest.Open(t, engine, spec)
	enginetest.RunAll(t, room, spec.Job)
	found, err := api.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", docker.LabelAgent+"="+agentID(t)))})
	if err != nil || len(found) != 1 || found[0].Labels[docker.LabelSpec] == "" {
		t.Fatalf("%+v, %v", found, err)
	}
	name := strings.TrimPrefix(found[0].Names[0], "/")
	if err := room.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := api.ContainerCreate(t.Context(), &container.Config{Image: dockertest.Busybox(t), Cmd: []string{"true"},
		Labels: map[string]string{docker.LabelAgent: agentID(t)}}, nil, nil, nil, name); err != nil {
		t.Fatal(err)
	}
	if _, texts := enginetest.RunAll(t, enginetest.Open(t, engine, spec), spec.Job); texts[0] != "fine\n" {
		t.Errorf("logs %q", texts)
	}
}
