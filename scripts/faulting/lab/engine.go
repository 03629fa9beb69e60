package lab

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/scripts/rawdocker"
)

// An Engine is a Docker engine, seen from outside of Tutti.
type Engine struct{ *rawdocker.Client }

func newEngine(socket string) *Engine { return &Engine{rawdocker.New(socket)} }

// A Container is one as Docker lists it.
type Container struct {
	ID     string `json:"Id"`
	Names  []string
	State  string
	Labels map[string]string
}

// Containers lists the containers of an agent, running or not.
func (e *Engine) Containers(ctx context.Context, agent string) ([]Container, error) {
	var all []Container
	err := e.Call(ctx, "GET", "/containers/json?all=1&filters="+byAgent(agent), nil, &all)
	return all, err
}

// Networks lists the identifiers of the networks of an agent.
func (e *Engine) Networks(ctx context.Context, agent string) ([]string, error) {
	var all []struct{ ID string }
	err := e.Call(ctx, "GET", "/networks?filters="+byAgent(agent), nil, &all)
	ids := make([]string, len(all))
	for i, n := range all {
		ids[i] = n.ID
	}
	return ids, err
}

// Volumes lists the names of the volumes of an agent.
func (e *Engine) Volumes(ctx context.Context, agent string) ([]string, error) {
	var all struct{ Volumes []struct{ Name string } }
	err := e.Call(ctx, "GET", "/volumes?filters="+byAgent(agent), nil, &all)
	names := make([]string, len(all.Volumes))
	for i, v := range all.Volumes {
		names[i] = v.Name
	}
	return names, err
}

// Left lists all that an agent has on Docker.
func (e *Engine) Left(ctx context.Context, agent string) ([]string, error) {
	containers, err := e.Containers(ctx, agent)
	if err != nil {
		return nil, err
	}
	networks, err := e.Networks(ctx, agent)
	if err != nil {
		return nil, err
	}
	volumes, err := e.Volumes(ctx, agent)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, c := range containers {
		left = append(left, fmt.Sprintf("container %s (%s)", strings.Join(c.Names, " "), c.State))
	}
	for _, n := range networks {
		left = append(left, "network "+n[:min(12, len(n))])
	}
	for _, v := range volumes {
		left = append(left, "volume "+v)
	}
	slices.Sort(left)
	return left, nil
}

// Remove takes away all that an agent has on Docker, for faults that leave it by their nature.
func (e *Engine) Remove(ctx context.Context, agent string) {
	// What cannot be removed is reported by whoever looks what is left.
	containers, _ := e.Containers(ctx, agent)
	for _, c := range containers {
		_ = e.Call(ctx, "DELETE", "/containers/"+c.ID+"?force=1&v=1", nil, nil)
	}
	networks, _ := e.Networks(ctx, agent)
	for _, n := range networks {
		_ = e.Call(ctx, "DELETE", "/networks/"+n, nil, nil)
	}
	volumes, _ := e.Volumes(ctx, agent)
	for _, v := range volumes {
		_ = e.Call(ctx, "DELETE", "/volumes/"+v+"?force=1", nil, nil)
	}
}

func byAgent(agent string) string {
	return url.QueryEscape(`{"label":["tutti.agent=` + agent + `"]}`)
}
