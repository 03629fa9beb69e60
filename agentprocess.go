package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/agent"
	"github.com/tutti-ci/tutti/executor/docker"
)

// An agentProcess is an agent, wired to Docker.
type agentProcess struct {
	*agent.Agent
	engine *docker.Engine
	source *agentSource // nil if there is nothing to reload
	config atomic.Pointer[agentConfig]

	changing sync.Mutex // held by whoever stores another config
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
		DataDir: filepath.Join(cfg.Data, engineFolder), AgentID: id, Memory: cfg.Memory, LogLimit: cfg.LogLimit,
		MinFree: max(cmp.Or(cfg.MinFree, defaultMinFree), 0), Log: log, Trap: trap(),
	})
	if err != nil {
		return nil, fmt.Errorf("preparing Docker: %w", err)
	}
	a := &agentProcess{engine: engine, Agent: &agent.Agent{
		ServerURL: cfg.Server, Token: cfg.Token, DataDir: cfg.Data, Name: cfg.Name, Labels: cfg.Labels, Capacity: cfg.Capacity,
		Version: version, Engine: engine, Log: log, MinFree: cfg.MinFree, KeepLogs: cfg.KeepLogs, Trap: trap(),
	}}
	a.config.Store(&cfg)
	return a, nil
}

// drainLimit answers for how long a drain may last.
func (a *agentProcess) drainLimit() time.Duration { return a.config.Load().DrainLimit }

// reload reads the configuration again and goes on with it. It says what is so now.
func (a *agentProcess) reload() (string, error) {
	if a.source == nil {
		return "", errors.New("this agent has nothing that could be read again")
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	was := a.config.Load()
	cfg, err := a.source.read()
	if err != nil {
		return "", err
	}
	if cfg.Name == "" {
		cfg.Name = was.Name
	}
	if !a.source.alone {
		cfg.Server, cfg.Data, cfg.Token = was.Server, was.Data, was.Token
	}
	a.engine.SetMemory(cfg.Memory)
	a.use(cfg)
	said := fmt.Sprintf("the agent is called %s, runs %d jobs at once, and has the labels %v", cfg.Name, cfg.Capacity, cfg.Labels)
	for _, flag := range []struct {
		name    string
		changed bool
	}{
		{"server", cfg.Server != was.Server}, {"data", cfg.Data != was.Data}, {"log-limit", cfg.LogLimit != was.LogLimit},
	} {
		if flag.changed {
			said += fmt.Sprintf("; --%s counts from the next start on (tutti agent handoff)", flag.name)
		}
	}
	return said, nil
}

// useToken goes on with another token.
func (a *agentProcess) useToken(token string) {
	a.changing.Lock()
	defer a.changing.Unlock()
	cfg := *a.config.Load()
	cfg.Token = token
	a.use(cfg)
}

// use goes on with another configuration. The caller holds changing.
func (a *agentProcess) use(cfg agentConfig) {
	a.config.Store(&cfg)
	a.Reload(agent.Settings{
		Token: cfg.Token, Name: cfg.Name, Labels: cfg.Labels, Capacity: cfg.Capacity, MinFree: cfg.MinFree, KeepLogs: cfg.KeepLogs,
	})
}

// Run runs the agent until ctx ends, and closes it.
func (a *agentProcess) Run(ctx context.Context) error {
	defer freeAfterStart(a.Log).Stop()
	return a.Agent.Run(ctx)
}
