package lab

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// An Agent is a tutti agent with an identity of its own.
type Agent struct {
	*Process
	Data   string
	Engine *Engine // that it uses

	server *Server
	was    int64 // its session at the server before its last start

	mu sync.Mutex // guards id
	id string
}

// Agent makes an agent of a server that is not started yet. Where it dials may be a proxy before the server.
func (t *T) Agent(name, url string, s *Server, flags ...string) *Agent {
	a := &Agent{Data: filepath.Join(t.Dir, name), Engine: t.Shared, server: s}
	a.Process = t.Process(name, append([]string{t.Tutti, "agent", "--server", url, "--token-file", filepath.Join(s.Data, "agent.token"),
		"--data", a.Data, "--name", name}, flags...)...)
	t.Defer(func() { // what a fault leaves on Docker by its nature, or by its failure
		if id := a.ID(); id != "" {
			ctx, cancel := t.limited(30 * time.Second)
			defer cancel()
			a.Engine.Remove(ctx, id)
		}
	})
	return a
}

// Uses makes the agent use an engine; call it before its start.
func (a *Agent) Uses(e *Engine) {
	a.Engine = e
	a.Env = append(a.Env, "DOCKER_HOST=unix://"+e.Socket)
}

// ID is the identity by which Docker knows what is the agent's; empty before its first start. It is remembered: at the end the
// disk that holds it may be gone.
func (a *Agent) ID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.id == "" {
		if text, err := os.ReadFile(filepath.Join(a.Data, "identity")); err == nil {
			a.id = strings.TrimSpace(string(text))
		}
	}
	return a.id
}

// Start starts the agent.
func (a *Agent) Start(env ...string) {
	shown, _ := a.server.AgentNamed(a.Name)
	a.was = max(a.was, shown.Session)
	a.Process.Start(env...)
}

// Up starts the agent and waits until the server gives it work.
func (a *Agent) Up(s *Server, env ...string) {
	a.Start(env...)
	a.Ready(s, 60*time.Second)
}

// Ready waits until the server has the agent as one that can work, since its last start.
func (a *Agent) Ready(s *Server, limit time.Duration) {
	a.t.Until(a.Name+" is ready", limit, func() bool {
		a.ID() // to remember it
		shown, ok := s.AgentNamed(a.Name)
		return ok && shown.Online && shown.Problem == "" && shown.Session > a.was
	})
}

// Containers lists those of the agent.
func (a *Agent) Containers() []Container {
	all, err := a.Engine.Containers(a.t.Ctx, a.ID())
	a.t.Must(err, "listing the containers of %s", a.Name)
	return all
}

// Clean waits until nothing of the agent is left on Docker, but what it keeps ready for the next job.
func (a *Agent) Clean(limit time.Duration) {
	var left []string
	began := time.Now()
	for {
		containers, err := a.Engine.Containers(a.t.Ctx, a.ID())
		if err == nil && len(containers) == 0 {
			return
		}
		left = left[:0]
		for _, c := range containers {
			left = append(left, strings.Join(c.Names, " ")+" "+c.State)
		}
		if time.Since(began) > limit {
			a.t.Errorf("%s after its jobs %s still has %v (%v)", limit, a.Name, left, err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
