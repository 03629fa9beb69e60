package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
	"golang.org/x/sync/errgroup"
)

// storeLimit bounds what a session still writes to the store when it ends.
const storeLimit = 10 * time.Second

// A session is one connection of one agent, from its Hello to its end.
type session struct {
	g       *Gateway
	id      server.AgentID
	caller  protocol.Caller
	number  int64
	control *wire.Control
	log     *slog.Logger
	over    chan struct{} // closed when nothing of it is left
	changed chan struct{} // filled when the agent may have room for a job
	nudged  chan struct{} // filled when the store should be asked what is wanted

	count atomic.Int64 // of held
	heard atomic.Int64 // when the agent said something last, by the gateway's clock

	work     sync.WaitGroup // questions that are being answered, and what is tried again
	askSlots chan struct{}  // has room for as many as may be at once

	mu      sync.Mutex // guards all below
	agent   server.Agent
	held    map[server.Claim]*grant
	ending  bool
	pause   bool // the agent declined a job
	storing bool // its status, again
	logs    *wire.Logs
}

// serveControl serves the first connection of an agent.
func (g *Gateway) serveControl(w http.ResponseWriter, r *http.Request) {
	control, err := wire.AcceptControl(w, r)
	if err != nil {
		g.log().Info("an agent's connection was refused", "from", r.RemoteAddr, "error", err)
		return
	}
	defer control.Close(wire.CloseNormal, "")
	s, hello, err := g.greet(r, control)
	if err != nil {
		g.log().Warn("an agent was not welcomed", "from", r.RemoteAddr, "error", err)
		code := wire.CloseRefused
		if errors.Is(err, wire.ErrMessage) {
			code = wire.CloseProtocol
		}
		control.Close(code, "")
		return
	}
	s.log.Info("an agent connected", "from", r.RemoteAddr, "version", s.agent.Version)
	err = s.serve(r.Context(), hello)
	s.log.Info("an agent is gone", "error", err)
	if wire.CloseCode(err) == wire.CloseGoing {
		s.depart()
	}
	s.close(r.Context())
}

// serve welcomes the agent and serves it until one of the session's parts cannot go on.
func (s *session) serve(ctx context.Context, hello wire.Hello) error {
	if err := s.welcome(ctx, hello); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		s.end(wire.CloseInternal, "the server cannot go on with this session")
	})
	defer func() {
		if !stop() {
			<-ended
		}
	}()
	group.Go(func() error { return s.receive(ctx) })
	group.Go(func() error { return s.grantWork(ctx) })
	group.Go(func() error { return s.watch(ctx) })
	err := group.Wait()
	s.work.Wait()
	return err
}

// end closes the session's connections; its parts then come to an end. It may be called more than once.
func (s *session) end(code int, reason string) {
	s.mu.Lock()
	s.ending = true
	logs := s.logs
	s.mu.Unlock()
	// To close may take a while if the agent does not read, and end may be called under a lock of the gateway's.
	s.g.serving.Go(func() {
		s.control.Close(code, reason)
		if logs != nil {
			logs.Close(code, reason)
		}
	})
}

// close ends what the session leaves behind: offers that were not accepted go back, and the agent is offline. What cannot be stored now
// the gateway stores later.
func (s *session) close(ctx context.Context) {
	s.end(wire.CloseNormal, "")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	for c, gr := range held {
		gr.timer.stop()
		if gr.Running {
			continue
		}
		if err := s.g.Jobs.Return(ctx, c, "the connection to agent "+s.agent.Name+" was lost"); err != nil && !errors.Is(err, server.ErrStale) {
			s.log.Error("an offer could not be taken back", "run", c.Run, "job", c.Job, "error", err)
		}
	}
	if err := s.g.Agents.AgentOffline(ctx, s.id, s.number); err != nil {
		s.log.Error("an agent could not be marked as offline", "error", err)
		s.g.stillOnline(s.id, s.number)
	}
	s.g.leave(s)
	close(s.over)
}

// receive does what the agent says.
func (s *session) receive(ctx context.Context) error {
	for {
		e, err := s.control.Receive()
		if errors.Is(err, wire.ErrMessage) {
			s.end(wire.CloseProtocol, "a message was damaged")
		}
		if err != nil {
			return err
		}
		if s.isEnding() { // a newer session may have taken over
			return errors.New("the session is over")
		}
		s.listen()
		if err := s.hear(ctx, e); err != nil {
			return err
		}
	}
}

func (s *session) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

// hear takes in one message. An error ends the session.
func (s *session) hear(ctx context.Context, e wire.Envelope) error {
	switch e.Kind {
	case wire.KindStatus:
		return with(e, func(m *wire.Status) error { return s.hearStatus(ctx, *m) })
	case wire.KindPing:
		return with(e, func(m *wire.Ping) error { return s.hearPing(ctx, *m) })
	case wire.KindAccept:
		return with(e, func(m *wire.Accept) error { return s.hearAccept(ctx, claimOf(m.Claim)) })
	case wire.KindDecline:
		return with(e, func(m *wire.Decline) error { return s.hearDecline(ctx, claimOf(m.Claim), m.Reason) })
	case wire.KindReport:
		return with(e, func(m *wire.Report) error { return s.hearReport(ctx, *m) })
	case wire.KindAsk:
		return with(e, func(m *wire.Ask) error { return s.hearAsk(ctx, *m) })
	case wire.KindUnsupported:
		return with(e, func(m *wire.Unsupported) error {
			s.log.Warn("an agent does not know a message", "kind", m.Kind)
			return nil
		})
	}
	return s.control.Send(wire.Unsupported{Kind: e.Kind})
}

// with reads the body of e and does something with it.
func with[M any, P interface {
	*M
	wire.Message
}](e wire.Envelope, do func(*M) error) error {
	var m M
	if err := e.Into(P(&m)); err != nil {
		return err
	}
	return do(&m)
}

func claimOf(c wire.Claim) server.Claim {
	return server.Claim{Run: server.RunID(c.Run), Job: c.Job, Epoch: c.Epoch}
}

func onWire(c server.Claim) wire.Claim {
	return wire.Claim{Run: int64(c.Run), Job: c.Job, Epoch: c.Epoch}
}

// fill puts a value into a channel that has room for one and needs no more.
func fill(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is full
	}
}

func (s *session) roomChanged() { fill(s.changed) }
func (s *session) nudge()       { fill(s.nudged) }
