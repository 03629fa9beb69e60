package docker_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// BenchmarkActivities runs 20 activities with an empty script, one after the other, beside the raw calls to Docker that
// each of them would need: create, start, wait, remove.
func BenchmarkActivities(b *testing.B) {
	engine, api, image := newEngine(b, docker.Config{}), dockertest.Require(b), dockertest.Busybox(b)
	net := rawNetwork(b, api)
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "bench"}}
	for i := range 20 {
		spec.Job.Activities = append(spec.Job.Activities, plan.Activity{Name: fmt.Sprint("a", i), Image: image, Script: "true"})
	}
	var ours, raw time.Duration
	for b.Loop() {
		ours += runSequence(b, engine, spec)
		raw += rawSequence(b, api, image, net, 5)
	}
	ours /= time.Duration(b.N * 20)
	raw /= time.Duration(b.N * 5)
	report(b, "activity", ours, raw)
}

func runSequence(b *testing.B, engine *docker.Engine, spec executor.RoomSpec) time.Duration {
	room, err := engine.Open(b.Context(), spec)
	if err != nil {
		b.Fatal(err)
	}
	defer closeRoom(b, room)
	var began time.Time
	for i, a := range spec.Job.Activities {
		exit, err := room.Run(b.Context(), executor.Step{Activity: a}, enginetest.NewSpool(b).Output())
		if err != nil || exit.Code != 0 {
			b.Fatalf("%s: %+v, %v", a.Name, exit, err)
		}
		if i == 0 {
			began = exit.Started
		}
	}
	return time.Since(began)
}

func rawSequence(b *testing.B, api *client.Client, image, net string, count int) time.Duration {
	ctx, began := b.Context(), time.Now()
	for range count {
		made, err := api.ContainerCreate(ctx, &container.Config{Image: image, Cmd: []string{"true"}}, &container.HostConfig{NetworkMode: container.NetworkMode(net)}, nil, nil, "")
		if err != nil {
			b.Fatal(err)
		}
		ended, failed := api.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
		if err := api.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
			b.Fatal(err)
		}
		select {
		case <-ended:
		case err := <-failed:
			b.Fatal(err)
		}
		if err := api.ContainerRemove(ctx, made.ID, container.RemoveOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// rawNetwork makes a network for raw calls.
func rawNetwork(b *testing.B, api *client.Client) (name string) {
	name = "tutti-bench-" + strings.ToLower(rand.Text()[:8])
	made, err := api.NetworkCreate(b.Context(), name, network.CreateOptions{Driver: "bridge", Labels: map[string]string{"tutti.bench": "raw"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := api.NetworkRemove(context.Background(), made.ID); err != nil {
			b.Error(err)
		}
	})
	return name
}

// BenchmarkFirstByte measures from Open to the first byte in the log, beside the raw making of a network, a container on
// it, and its start.
func BenchmarkFirstByte(b *testing.B) {
	engine, api, image := newEngine(b, docker.Config{}), dockertest.Require(b), dockertest.Busybox(b)
	spec := enginetest.Script(image, "echo first; sleep 60")
	var ours, raw time.Duration
	for b.Loop() {
		raw += rawStart(b, api, image)
		ours += firstByte(b, engine, spec)
	}
	report(b, "first-byte", ours/time.Duration(b.N), raw/time.Duration(b.N))
}

func firstByte(b *testing.B, engine *docker.Engine, spec executor.RoomSpec) time.Duration {
	ctx, cancel := context.WithCancel(b.Context())
	spool, began := enginetest.NewSpool(b), time.Now()
	room, err := engine.Open(ctx, spec)
	if err != nil {
		b.Fatal(err)
	}
	defer closeRoom(b, room)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = room.Run(ctx, only(spec), spool.Output()) // is canceled
	}()
	spool.AwaitBytes(1)
	took := time.Since(began)
	cancel()
	<-done
	return took
}

func rawStart(b *testing.B, api *client.Client, image string) time.Duration {
	ctx, name, began := b.Context(), "tutti-bench-"+strings.ToLower(rand.Text()[:8]), time.Now()
	net, err := api.NetworkCreate(ctx, name, network.CreateOptions{Driver: "bridge"})
	if err != nil {
		b.Fatal(err)
	}
	made, err := api.ContainerCreate(ctx, &container.Config{Image: image, Cmd: []string{"sleep", "60"}},
		&container.HostConfig{NetworkMode: container.NetworkMode(name)}, nil, nil, "")
	if err != nil {
		b.Fatal(err)
	}
	err = api.ContainerStart(ctx, made.ID, container.StartOptions{})
	took := time.Since(began)
	if err != nil {
		b.Fatal(err)
	}
	if err := api.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true}); err != nil {
		b.Fatal(err)
	}
	if err := api.NetworkRemove(ctx, net.ID); err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkMillionLines measures activities that print 1,000,000 lines of 84 bytes, from their start to their end: one
// that only copies them out of a file, and one that makes them, beside the same one when it prints into /dev/null.
func BenchmarkMillionLines(b *testing.B) {
	engine, image := newEngine(b, docker.Config{}), dockertest.Busybox(b)
	lines := fmt.Sprintf("yes %s | head -n %d", strings.Repeat("x", 83), lineCount)
	spec := sequence(image, lines+" > lines", lines+" > /dev/null", lines, "cat lines")
	var took [4]time.Duration
	for b.Loop() {
		room, err := engine.Open(b.Context(), spec)
		if err != nil {
			b.Fatal(err)
		}
		for i, a := range spec.Job.Activities {
			exit, err := room.Run(b.Context(), executor.Step{Activity: a}, enginetest.NewSpool(b).Output())
			if err != nil || exit.Code != 0 || exit.LogBytes != int64(i/2)*84*lineCount {
				b.Fatalf("%s: %+v, %v", a.Name, exit, err)
			}
			took[i] += exit.Finished.Sub(exit.Started)
		}
		closeRoom(b, room)
	}
	for i, what := range []string{1: "ms/made-into-null", 2: "ms/made", 3: "ms/copied"} {
		if what != "" {
			b.ReportMetric(float64(took[i].Milliseconds())/float64(b.N), what)
		}
	}
}

func closeRoom(b *testing.B, room executor.Room) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := room.Close(ctx); err != nil {
		b.Error(err)
	}
}

func report(b *testing.B, what string, ours, raw time.Duration) {
	b.ReportMetric(float64(ours.Microseconds())/1000, "ms/"+what)
	b.ReportMetric(float64(raw.Microseconds())/1000, "raw-ms/"+what)
	b.ReportMetric(float64(ours)/float64(raw), "ours/raw")
}
