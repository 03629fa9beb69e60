package docker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// Sweep removes all that carries the engine's agent on Docker, of this process or an earlier one. Close the rooms
// before. An agent sweeps before its first Check and after its last room.
func (e *Engine) Sweep(ctx context.Context) error {
	if err := e.networks.cool(ctx); err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	mine := filters.NewArgs(filters.Arg("label", LabelAgent+"="+e.config.AgentID))
	if err := e.sweepContainers(ctx, mine); err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	if err := errors.Join(e.sweepNetworks(ctx, mine), e.sweepVolumes(ctx, mine), os.RemoveAll(e.roomsDir())); err != nil {
		return fmt.Errorf("sweeping: %w", err)
	}
	return nil
}

func (e *Engine) sweepContainers(ctx context.Context, mine filters.Args) error {
	call, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	found, err := e.client.ContainerList(call, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		return fmt.Errorf("listing containers: %w", bare(err))
	}
	return inParallel(slices.Values(found), func(c container.Summary) error {
		return insist(ctx, "container "+c.ID, func(ctx context.Context) error {
			return e.client.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		})
	})
}

func (e *Engine) sweepNetworks(ctx context.Context, mine filters.Args) error {
	call, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	found, err := e.client.NetworkList(call, network.ListOptions{Filters: mine})
	if err != nil {
		return fmt.Errorf("listing networks: %w", bare(err))
	}
	return inParallel(slices.Values(found), func(n network.Summary) error {
		return insist(ctx, "network "+n.Name, func(ctx context.Context) error { return e.client.NetworkRemove(ctx, n.ID) })
	})
}

func (e *Engine) sweepVolumes(ctx context.Context, mine filters.Args) error {
	call, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	found, err := e.client.VolumeList(call, volume.ListOptions{Filters: mine})
	if err != nil {
		return fmt.Errorf("listing volumes: %w", bare(err))
	}
	return inParallel(slices.Values(found.Volumes), func(v *volume.Volume) error {
		return insist(ctx, "volume "+v.Name, func(ctx context.Context) error { return e.client.VolumeRemove(ctx, v.Name, true) })
	})
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
