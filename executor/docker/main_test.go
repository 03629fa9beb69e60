package docker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/tutti-ci/tutti/executor/docker"
)

// TestMain removes first what earlier runs of these tests left that were killed: nobody else knows their agents.
func TestMain(m *testing.M) {
	if err := sweepDead(); err != nil {
		fmt.Fprintln(os.Stderr, "removing what killed tests left on Docker:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// agentID answers an agent of this test alone, whoever runs it elsewhere at the same time.
func agentID(t testing.TB) string {
	return fmt.Sprintf("%s.%d", strings.ReplaceAll(t.Name(), "/", "."), os.Getpid())
}

// isDead says whether an agent was that of a test whose process has ended.
func isDead(agent string) bool {
	i := strings.LastIndexByte(agent, '.')
	if i < 0 || !strings.HasPrefix(agent, "Test") && !strings.HasPrefix(agent, "Benchmark") {
		return false
	}
	pid, err := strconv.Atoi(agent[i+1:])
	return err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func sweepDead() error {
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := api.Ping(ctx); err != nil {
		return nil // which the tests tell, or do not need
	}
	agents, err := agentsOnDocker(ctx, api)
	for agent := range agents {
		if isDead(agent) {
			err = errors.Join(err, sweepAgent(ctx, agent))
		}
	}
	return err
}

// agentsOnDocker answers the agents that have something on Docker.
func agentsOnDocker(ctx context.Context, api *client.Client) (map[string]bool, error) {
	agents := map[string]bool{}
	labelled := filters.NewArgs(filters.Arg("label", docker.LabelAgent))
	containers, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled})
	for _, c := range containers {
		agents[c.Labels[docker.LabelAgent]] = true
	}
	networks, networksErr := api.NetworkList(ctx, network.ListOptions{Filters: labelled})
	for _, n := range networks {
		agents[n.Labels[docker.LabelAgent]] = true
	}
	volumes, volumesErr := api.VolumeList(ctx, volume.ListOptions{Filters: labelled})
	for _, v := range volumes.Volumes {
		agents[v.Labels[docker.LabelAgent]] = true
	}
	return agents, errors.Join(err, networksErr, volumesErr)
}

func sweepAgent(ctx context.Context, agent string) error {
	dir, err := os.MkdirTemp("", "tutti-sweep-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	engine, err := docker.New(docker.Config{DataDir: dir, AgentID: agent})
	if err != nil {
		return err
	}
	return errors.Join(engine.Sweep(ctx, nil), engine.Close())
}
