package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	checkLimit = 5 * time.Second
	fullBytes  = 1 << 20 // a disk with less than this is called full
)

// Check answers in a sentence why the engine cannot work, if so. If it can, Check makes it ready for the next job.
func (e *Engine) Check(ctx context.Context) error {
	if err := e.local(); err != nil {
		return err
	}
	answered, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	if err := e.answers(answered); err != nil {
		return err
	}
	if err := e.room(answered); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // the shim may take a build
	if _, err := e.shimPath(ctx); err != nil {
		return err
	}
	e.networks.warm(ctx)
	return nil
}

// answers asks Docker for what needs no more than a moment; the list of containers too, which hangs in an engine that is stuck
// while its ping still answers.
func (e *Engine) answers(ctx context.Context) error {
	var ping types.Ping
	asking, ctx := errgroup.WithContext(ctx)
	asking.Go(func() (err error) {
		ping, err = e.client.Ping(ctx)
		return err
	})
	asking.Go(func() error {
		_, err := e.client.ContainerList(ctx, container.ListOptions{Limit: 1, Filters: filters.NewArgs(filters.Arg("label", LabelAgent))})
		return err
	})
	host := e.client.DaemonHost()
	if err := asking.Wait(); err != nil {
		e.forgetDisk()
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("docker unhealthy: Docker does not answer at %s within %s, though somebody listens there; restart it or set DOCKER_HOST", host, checkLimit)
		}
		return fmt.Errorf("docker unhealthy: Docker does not answer at %s: %w; start it or set DOCKER_HOST", host, bare(err))
	}
	if ping.OSType != "" && ping.OSType != "linux" {
		return fmt.Errorf("the Docker engine at %s runs %s containers; tutti needs linux", host, ping.OSType)
	}
	return nil
}

// room answers whether Docker's disk has any.
func (e *Engine) room(ctx context.Context) error {
	root, err := e.disk(ctx)
	if err != nil {
		return fmt.Errorf("docker unhealthy: asking Docker for its folder: %w", bare(err))
	}
	if free, known := freeBytes(root); known && free < e.config.MinFree {
		return fmt.Errorf("Docker's disk is full: %d bytes free in %s, and %d have to be (--min-free)", free, root, e.config.MinFree) //nolint:staticcheck // a name
	}
	return nil
}

// disk answers Docker's folder. It stays the same as long as Docker runs.
func (e *Engine) disk(ctx context.Context) (string, error) {
	e.mu.Lock()
	root := e.root
	e.mu.Unlock()
	if root != "" {
		return root, nil
	}
	info, err := e.client.Info(ctx)
	if err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.root = info.DockerRootDir
	return e.root, nil
}

func (e *Engine) forgetDisk() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.root = ""
}

// fullDisk says so if Docker's disk is full. It asks nobody but the kernel.
func (e *Engine) fullDisk() string {
	e.mu.Lock()
	root := e.root
	e.mu.Unlock()
	if free, known := freeBytes(root); known && free < fullBytes {
		return fmt.Sprintf("Docker's disk is full: %d bytes free in %s", free, root)
	}
	return ""
}

// freeBytes answers how much anybody may still write into a folder, if it is on this machine.
func freeBytes(folder string) (free int64, known bool) {
	var s unix.Statfs_t
	if folder == "" || unix.Statfs(folder, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
