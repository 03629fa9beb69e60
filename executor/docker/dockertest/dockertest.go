// Package dockertest gives tests a Docker engine and small images that need no registry. It is for tests only.
package dockertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// Require answers a client of the Docker engine. Without one the test fails, or is skipped if TUTTI_SKIP_DOCKER=1.
func Require(t testing.TB) *client.Client {
	t.Helper()
	if os.Getenv("TUTTI_SKIP_DOCKER") == "1" {
		t.Skip("TUTTI_SKIP_DOCKER=1 skips the tests that need Docker")
	}
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatalf("reading the settings for Docker: %v", err)
	}
	t.Cleanup(func() { _ = docker.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // also for use in a Cleanup
	defer cancel()
	if _, err := docker.Ping(ctx); err != nil {
		t.Fatalf("this test needs a Docker engine, and none answers (start one, or set TUTTI_SKIP_DOCKER=1 to skip): %v", err)
	}
	return docker
}

// Busybox answers the name of an image that holds busybox and little else. Its user is root.
func Busybox(t testing.TB) string { return Image(t, "busybox") }

// BusyboxUser answers the name of the same image with the user 1000, whose name is dev and whose home is /home/dev.
func BusyboxUser(t testing.TB) string { return Image(t, "busybox-user", "USER dev") }

// Image answers the name of an image that holds busybox, made under tutti-test/NAME with these instructions of a
// Dockerfile: ENV, USER, VOLUME and the like.
func Image(t testing.TB, name string, instructions ...string) string {
	t.Helper()
	docker := Require(t)
	content := rootTar(t)
	instructions = append([]string{"ENV PATH=/bin:/usr/bin", "ENV IMAGE=" + name}, instructions...)
	sum := sha256.Sum256(append(slices.Clone(content), strings.Join(instructions, "\n")...))
	stamp := hex.EncodeToString(sum[:8])
	ref := "tutti-test/" + name + ":latest"

	info, err := docker.ImageInspect(t.Context(), ref)
	if err == nil && info.Config != nil && info.Config.Labels["tutti-test.content"] == stamp {
		return ref
	}
	progress, err := docker.ImageImport(t.Context(),
		image.ImportSource{Source: bytes.NewReader(content), SourceName: "-"}, ref,
		image.ImportOptions{Changes: append(instructions, "LABEL tutti-test.content="+stamp)})
	if err != nil {
		t.Fatalf("importing %s: %v", ref, err)
	}
	defer progress.Close()
	if words, err := io.ReadAll(progress); err != nil || bytes.Contains(words, []byte(`"error"`)) {
		t.Fatalf("importing %s: %v %s", ref, err, words)
	}
	return ref
}

// Leftovers answers what carries a label on Docker: containers, networks and volumes.
func Leftovers(t testing.TB, label string) []string {
	t.Helper()
	docker := Require(t)
	labelled := filters.NewArgs(filters.Arg("label", label))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var left []string
	containers, err := docker.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		left = append(left, "container "+c.Names[0])
	}
	networks, err := docker.NetworkList(ctx, network.ListOptions{Filters: labelled})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		left = append(left, "network "+n.Name)
	}
	volumes, err := docker.VolumeList(ctx, volume.ListOptions{Filters: labelled})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Volumes {
		left = append(left, "volume "+v.Name)
	}
	return left
}
