// Package docker is the executor's engine on the Docker API, and the only home of the Docker client.
//
// It owns everything that a job has on Docker (containers, their network, their workspace volume), labels it, and removes
// it. It prepares containers before they are needed and lets tutti-shim, their PID 1, do what Docker would do slower or
// with losses: start the process, carry its output, tell its end. It never chooses what to run, and nothing of the
// user's (environment, script) is ever part of a container's configuration.
//
// What it makes outlives the agent's process: the next one adopts it (adopt.go), by what Docker knows of it and by a ticket
// for each process that began. Docker itself may fail, hang, end, or do something and say that it did not: whatever is asked
// of it has a deadline, and can be asked again without harm (calls.go). Where a container ended without a word of its shim,
// the cause is found out (fate.go).
package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
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
	Memory  int64         // limit of a container in bytes; 0 means none; see SetMemory
	Log     *slog.Logger  // nil means silence
	// LogLimit is the most bytes that the log of an activity may have; 0 means no limit.
	LogLimit int64
	// MinFree is how many bytes have to be free on Docker's disk for Check to pass.
	MinFree int64
	// Patience is for how long a Docker engine may be away or hang when something is to begin; 0 means a minute.
	Patience time.Duration
	// PullSilence is for how long the pull of an image may make no progress; 0 means 5 minutes.
	PullSilence time.Duration
	// Trap is called at named points, where tests make the engine fail; nil means nothing.
	Trap func(point string) error
}

// Engine runs activities in containers of one Docker engine on this machine.
type Engine struct {
	config Config
	client *client.Client
	log    *slog.Logger

	networks networks

	mu     sync.Mutex // guards what follows
	shim   string     // its path, once it is installed
	root   string     // Docker's folder on this machine; empty as long as nobody asked
	memory int64      // the limit of now
	rooms  map[string]*room
}

// New answers an engine. It does not talk to Docker yet; see Check.
func New(config Config) (*Engine, error) {
	dir, err := filepath.Abs(config.DataDir)
	if err != nil {
		return nil, fmt.Errorf("finding the engine's folder: %w", err)
	}
	config.DataDir = dir
	config.Grace = cmp.Or(config.Grace, 10*time.Second)
	config.Patience = cmp.Or(config.Patience, time.Minute)
	config.PullSilence = cmp.Or(config.PullSilence, 5*time.Minute)
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
	e := &Engine{config: config, client: docker, log: log, memory: config.Memory, rooms: map[string]*room{}}
	e.networks.engine = e
	return e, nil
}

// Close removes what the engine keeps ready and gives up the connections to Docker. Close the rooms before.
func (e *Engine) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeLimit)
	defer cancel()
	return errors.Join(e.networks.close(ctx), e.client.Close())
}

// SetMemory sets the limit of the containers that are made from now on; 0 is none.
func (e *Engine) SetMemory(bytes int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.memory = bytes
}

func (e *Engine) trap(point string) error {
	if e.config.Trap == nil {
		return nil
	}
	return e.config.Trap(point)
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
	var version types.Version
	err := e.persist(ctx, "asking Docker for its version", func(ctx context.Context) (err error) {
		version, err = e.client.ServerVersion(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
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

// enter puts a room on the list of those that Sweep spares.
func (e *Engine) enter(r *room) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rooms[r.name] = r
}

// claim gives a room its network, nil meaning one of its own; Sweep spares that as well.
func (e *Engine) claim(r *room, network *jobNetwork) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if network == nil {
		network = e.networks.take(r.live)
	}
	r.network = network
}

// networksInUse answers the names of the networks that this process has.
func (e *Engine) networksInUse() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	names := map[string]bool{e.networks.next(): true}
	for _, r := range e.rooms {
		if r.network != nil {
			names[r.network.name] = true
		}
	}
	return names
}

// leave takes it off the list.
func (e *Engine) leave(r *room) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.rooms[r.name] == r {
		delete(e.rooms, r.name)
	}
}

func (e *Engine) roomsDir() string { return filepath.Join(e.config.DataDir, "rooms") }
