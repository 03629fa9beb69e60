package gateway_test

import (
	"github.com/tutti-ci/tutti/agent"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// fake is an engine that runs processes of this machine.
type fake struct{ *enginetest.Fake }

func (fake) Close() error { return nil }

// newAgent makes an agent in dir that reaches the server at url.
func (h *house) newAgent(dir, url string) *agent.Agent {
	return &agent.Agent{
		ServerURL: url, Token: token, DataDir: dir, Name: "host", Capacity: 2, Version: "test",
		Engine: fake{&enginetest.Fake{}}, Log: testLogger(h.t),
	}
}

// agent starts an agent in dir that reaches the server at url.
func (h *house) agent(dir, url string) (stop func()) { return h.background(h.newAgent(dir, url).Run) }
