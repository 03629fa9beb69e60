package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/tutti-ci/tutti/agent"
	"github.com/tutti-ci/tutti/executor/docker"
)

// agentConfig is what an agent can be told.
type agentConfig struct {
	Server, Token string
	Data          string
	Name          string
	Labels        []string
	Capacity      int
	MemoryText    string
	Memory        int64 // bytes; 0 is no limit
}

// An agentProcess is an agent, wired to Docker.
type agentProcess struct {
	agent  agent.Agent
	engine *docker.Engine
}

// openAgent makes an agent. The caller runs it, which closes it.
func openAgent(cfg agentConfig, log *slog.Logger) (*agentProcess, error) {
	id, err := agent.Identity(cfg.Data)
	if err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		if cfg.Name, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("finding a name for the agent (give it one with --name): %w", err)
		}
	}
	engine, err := docker.New(docker.Config{
		DataDir: filepath.Join(cfg.Data, "docker"), AgentID: id, Memory: cfg.Memory, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing Docker: %w", err)
	}
	return &agentProcess{engine: engine, agent: agent.Agent{
		ServerURL: cfg.Server, Token: cfg.Token, DataDir: cfg.Data, Name: cfg.Name, Labels: cfg.Labels, Capacity: cfg.Capacity,
		Version: version, Engine: engine, Log: log,
	}}, nil
}

// Run runs the agent until ctx ends, and closes it.
func (a *agentProcess) Run(ctx context.Context) error {
	defer freeAfterStart().Stop()
	return a.agent.Run(ctx)
}

// freeAfterStart gives the memory that only the start needed back to the machine, some moments later: several megabytes,
// which the runtime by itself would keep for minutes.
func freeAfterStart() *time.Timer { return time.AfterFunc(startTime, debug.FreeOSMemory) }

// startTime is how long a process takes at most until it does what it will do all day.
const startTime = 3 * time.Second
