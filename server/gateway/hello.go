package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

const (
	// helloLimit is how long a new connection may say nothing.
	helloLimit = 10 * time.Second
	// storePause is when an agent may come back that the store had no place for.
	storePause = 5 * time.Second
	maxName    = 200
)

// agentID is what an agent may call itself.
var agentID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// greet takes in the Hello and makes the session, which is the agent's only one when greet answers.
func (g *Gateway) greet(r *http.Request, control *wire.Control) (*session, wire.Hello, error) {
	late := time.AfterFunc(helloLimit, func() { control.Close(wire.CloseProtocol, "no hello") })
	e, err := control.Receive()
	late.Stop()
	var hello wire.Hello
	if err == nil {
		err = e.Into(&hello)
	}
	if err != nil {
		return nil, hello, fmt.Errorf("waiting for its hello: %w", err)
	}
	ctx, caller := r.Context(), callerOf(hello, r)
	if no := g.admit(ctx, hello, caller); no != nil {
		return nil, hello, errors.Join(errors.New(no.Reason), control.Send(*no))
	}
	s := &session{
		g: g, id: server.AgentID(hello.Agent), caller: caller, control: control,
		over: make(chan struct{}), changed: make(chan struct{}, 1), nudged: make(chan struct{}, 1),
		held: make(map[server.Claim]*grant), askSlots: make(chan struct{}, maxAsks), agent: agentOf(hello),
	}
	s.agent.Online = true
	s.listen()
	if s.number, err = g.Agents.UpsertAgent(ctx, s.agent); err != nil {
		return nil, hello, errors.Join(err, control.Send(notNow))
	}
	s.agent.Session = s.number
	s.log = g.log().With("agent", hello.Name, "session", s.number)
	g.enter(s)
	return s, hello, nil
}

// notNow refuses an agent until the store can be written.
var notNow = wire.Refused{
	Reason:     "the server cannot use its database now; what runs goes on, and the agent tries again",
	RetryAfter: plan.Duration(storePause),
}

// refusal says why an agent is not served, whoever it is, if it is not.
func refusal(hello wire.Hello) string {
	switch {
	case hello.MaxProtocol < wire.MinProtocol:
		return fmt.Sprintf("agent %s speaks protocol %d at most, this server %d at least: upgrade the agent", hello.Version, hello.MaxProtocol, wire.MinProtocol)
	case hello.MinProtocol > wire.MaxProtocol:
		return fmt.Sprintf("agent %s speaks protocol %d at least, this server %d at most: upgrade the server", hello.Version, hello.MinProtocol, wire.MaxProtocol)
	case !agentID.MatchString(hello.Agent):
		return fmt.Sprintf("%q cannot be the identity of an agent", hello.Agent)
	case hello.Name == "" || len(hello.Name) > maxName:
		return "the agent has no name, or one of more than 200 bytes"
	case hello.Capacity < 0 || hello.Capacity > 1000:
		return fmt.Sprintf("the agent's capacity of %d is not among 0 to 1000", hello.Capacity)
	}
	return ""
}
