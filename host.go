package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
)

// hostConfig is a server and an agent in one process.
type hostConfig struct {
	Server serverConfig
	Agent  agentConfig
	Log    *slog.Logger
	// NeedsDocker says that there is no point in starting while Docker does not answer: nobody will be there to mend it.
	NeedsDocker bool
}

// A host is a server and an agent that run in this process and talk to each other over a real websocket on loopback, as
// they would between two machines.
type host struct {
	Server *serverProcess
	Agent  *agentProcess

	endAgent, endServer context.CancelFunc
	agent, server       sync.WaitGroup
	failed              chan struct{} // closed when a part ended by itself
	failOnce            sync.Once

	mu   sync.Mutex // guards errs
	errs []error
}

// startHost starts both. The caller stops the host, whatever happens.
func startHost(ctx context.Context, cfg hostConfig) (*host, error) {
	s, err := openServer(ctx, cfg.Server, cfg.Log)
	if err != nil {
		return nil, err
	}
	cfg.Agent.Server, cfg.Agent.Token = s.LocalURL, s.AgentToken
	cfg.Agent.Data = filepath.Join(cfg.Server.Data, "agent")
	a, err := openAgent(cfg.Agent, cfg.Log)
	if err == nil && cfg.NeedsDocker {
		if err = a.engine.Check(ctx); err != nil {
			err = errors.Join(err, a.engine.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	h := &host{Server: s, Agent: a, failed: make(chan struct{})}
	s.reopened = a.useToken // of the backup that was restored
	serverCtx, endServer := context.WithCancel(ctx)
	agentCtx, endAgent := context.WithCancel(ctx)
	h.endServer, h.endAgent = endServer, endAgent
	h.server.Go(func() { h.ended(s.Serve(serverCtx)) })
	h.agent.Go(func() { h.ended(a.Run(agentCtx)) })
	return h, nil
}

func (h *host) ended(err error) {
	h.mu.Lock()
	h.errs = append(h.errs, err)
	h.mu.Unlock()
	h.failOnce.Do(func() { close(h.failed) })
}

// Failed is closed when a part ended without having been stopped; Stop says why.
func (h *host) Failed() <-chan struct{} { return h.failed }

// Stop ends the agent, which ends its jobs and tells the server, and then the server.
func (h *host) Stop() error {
	h.endAgent()
	h.agent.Wait()
	h.endServer()
	h.server.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(append(h.errs, h.Server.Close())...)
}
