// Package docker is the executor's engine on the Docker API, and the only home of the Docker client.
//
// It owns everything that a job has on Docker (containers, their network, their workspace volume), labels it, and removes
// it. It prepares containers before they are needed and lets tutti-shim, their PID 1, do what Docker would do slower or
// with losses: start the process, carry its output, tell its end. It never chooses what to run, and nothing of the
// user's (environment, script) is ever part of a container's configuration.
package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/client"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/shim/binary"
)

var _ executor.Engine = (*Engine)(nil)

// Config says how an Engine works.
type Config struct {
	Host    string        // of the Docker API; empty means DOCKER_HOST or the usual socket
	DataDir string        // for the shim and its sockets; belongs to this engine alone
	AgentID string        // all that the engine makes carries it
	Grace   time.Duration // between SIGTERM and SIGKILL; 0 means 10 s
	Memory  int64         // limit of a container in bytes; 0 means none
	Log     *slog.Logger  // nil means silence
}

// Engine runs activities in containers of one Docker engine on this machine.
type Engine struct {
	config Config
	client *client.Client
	log    *slog.Logger

	networks networks

	mu   sync.Mutex // guards shim
	shim string     // its path, once it is installed
}

// New answers an engine. It does not talk to Docker yet; see Check.
func New(config Config) (*Engine, error) {
	dir, err := filepath.Abs(config.DataDir)
	if err != nil {
		return nil, fmt.Errorf("finding the engine's folder: %w", err)
	}
	config.DataDir = dir
	if config.Grace == 0 {
		config.Grace = 10 * time.Second
	}
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	options := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if config.Host != "" {
		options = append(options, client.WithHost(config.Host))
	}
	docker, err := client.NewClientWithOpts(options...)
	if err != nil {
		return nil, fmt.Errorf("reading the settings for Docker (DOCKER_HOST and the like): %w", err)
	}
	e := &Engine{config: config, client: docker, log: log}
	e.networks.engine = e
	return e, nil
}

// Close removes what the engine keeps ready and gives up the connections to Docker. Close the rooms before.
func (e *Engine) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeLimit)
	defer cancel()
	return errors.Join(e.networks.close(ctx), e.client.Close())
}

// Check answers in a sentence why the engine cannot work, if so. If it can, Check makes it ready for the next job.
func (e *Engine) Check(ctx context.Context) error {
	if err := e.local(); err != nil {
		return err
	}
	host := e.client.DaemonHost()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ping, err := e.client.Ping(ctx)
	if err != nil {
		return fmt.Errorf("Docker does not answer at %s: %w; start it or set DOCKER_HOST", host, bare(err)) //nolint:staticcheck // a name
	}
	if ping.OSType != "" && ping.OSType != "linux" {
		return fmt.Errorf("the Docker engine at %s runs %s containers; tutti needs linux", host, ping.OSType)
	}
	ctx = context.WithoutCancel(ctx) // the shim may take a build
	if _, err = e.shimPath(ctx); err != nil {
		return err
	}
	e.networks.warm(ctx)
	return nil
}

// local answers why the socket of a shim could not be shared with the Docker engine, if so.
func (e *Engine) local() error {
	host := e.client.DaemonHost()
	if !strings.HasPrefix(host, "unix://") {
		return fmt.Errorf("this release of tutti needs a Docker engine on the same machine, and DOCKER_HOST is %s; "+
			"unset it, or set it to unix:///var/run/docker.sock", host)
	}
	return nil
}

// shimPath answers where the shim is on this machine, and puts it there the first time.
func (e *Engine) shimPath(ctx context.Context) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shim != "" {
		return e.shim, nil
	}
	asked, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	version, err := e.client.ServerVersion(asked)
	if err != nil {
		return "", fmt.Errorf("asking Docker for its version: %w", bare(err))
	}
	ctx, cancelBuild := context.WithTimeout(ctx, 5*time.Minute)
	defer cancelBuild()
	e.shim, err = binary.Install(ctx, filepath.Join(e.config.DataDir, "shim"), version.Arch)
	return e.shim, err
}

// Open begins to make what a job needs and answers at once.
func (e *Engine) Open(ctx context.Context, spec executor.RoomSpec) (executor.Room, error) {
	if err := e.local(); err != nil {
		return nil, err
	}
	if len(spec.Job.Activities) == 0 {
		return nil, fmt.Errorf("opening a room for %s: the job has no activities", spec.Job.Name)
	}
	if err := os.MkdirAll(e.roomsDir(), 0o700); err != nil {
		return nil, fmt.Errorf("opening a room: %w", err)
	}
	return openRoom(ctx, e, spec), nil
}

func (e *Engine) roomsDir() string { return filepath.Join(e.config.DataDir, "rooms") }
