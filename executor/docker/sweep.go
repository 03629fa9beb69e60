package docker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/tutti-ci/tutti/executor"
)

// Sweep removes what earlier processes of the engine's agent left on Docker and in its folder, but for the rooms of these
// jobs. What this process has in use stays as well, so that it may be called at any time.
func (e *Engine) Sweep(ctx context.Context, keep []executor.RoomSpec) error {
	left, err := e.list(ctx, filters.NewArgs(filters.Arg("label", LabelAgent+"="+e.config.AgentID)))
	if err == nil {
		err = e.removeAll(ctx, left, e.spared(keep)) // whose rooms are on its list by now, if they made something of it
	}
	if err == nil {
		err = e.sweepFolders(keep)
	}
	if err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	return nil
}

// spared answers the names of the rooms that Sweep keeps.
func (e *Engine) spared(keep []executor.RoomSpec) map[string]bool {
	rooms := map[string]bool{}
	for _, spec := range keep {
		rooms[roomName(e.config.AgentID, spec)] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range e.rooms {
		rooms[name] = true
	}
	return rooms
}

// remains are what Docker has.
type remains struct {
	containers []container.Summary
	networks   []network.Summary
	volumes    []*volume.Volume
}

// list asks Docker for what carries labels.
func (e *Engine) list(ctx context.Context, labels filters.Args) (remains, error) {
	var r remains
	ctx, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	containers, err := e.client.ContainerList(ctx, container.ListOptions{All: true, Filters: labels})
	if err != nil {
		return r, fmt.Errorf("listing containers: %w", bare(err))
	}
	networks, err := e.client.NetworkList(ctx, network.ListOptions{Filters: labels})
	if err != nil {
		return r, fmt.Errorf("listing networks: %w", bare(err))
	}
	volumes, err := e.client.VolumeList(ctx, volume.ListOptions{Filters: labels})
	if err != nil {
		return r, fmt.Errorf("listing volumes: %w", bare(err))
	}
	return remains{containers, networks, volumes.Volumes}, nil
}

// removeAll removes what is left but for the spared rooms, with the networks that they use.
func (e *Engine) removeAll(ctx context.Context, left remains, spared map[string]bool) error {
	used := e.networksInUse()
	for _, c := range left.containers {
		if spared[roomOf(c.Labels)] {
			used[c.HostConfig.NetworkMode] = true
		}
	}
	containers := func(c container.Summary) bool { return spared[roomOf(c.Labels)] }
	if err := inParallel(without(left.containers, containers), func(c container.Summary) error {
		return insist(ctx, "container "+c.ID, func(ctx context.Context) error {
			return e.client.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		})
	}); err != nil {
		return err
	}
	networks := inParallel(without(left.networks, func(n network.Summary) bool { return used[n.Name] }), func(n network.Summary) error {
		return insist(ctx, "network "+n.Name, func(ctx context.Context) error { return e.client.NetworkRemove(ctx, n.ID) })
	})
	volumes := inParallel(without(left.volumes, func(v *volume.Volume) bool { return spared[v.Name] }), func(v *volume.Volume) error {
		return insist(ctx, "volume "+v.Name, func(ctx context.Context) error { return e.client.VolumeRemove(ctx, v.Name, true) })
	})
	return errors.Join(networks, volumes)
}

// sweepFolders removes the folders of sockets but for the spared rooms.
func (e *Engine) sweepFolders(keep []executor.RoomSpec) error {
	folders, err := os.ReadDir(e.roomsDir())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	spared := e.spared(keep)
	for _, f := range folders {
		if room, _, _ := cutNumber(f.Name()); !spared[room] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(e.roomsDir(), f.Name())))
		}
	}
	return err
}

func without[T any](all []T, not func(T) bool) iter.Seq[T] {
	return slices.Values(slices.DeleteFunc(slices.Clone(all), not))
}

// inParallel does something to each, a few at once, and answers all that went wrong.
func inParallel[T any](each iter.Seq[T], do func(T) error) error {
	const atOnce = 8
	var group sync.WaitGroup
	var mu sync.Mutex // guards errs
	var errs []error
	slots := make(chan struct{}, atOnce)
	for item := range each {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := do(item); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
