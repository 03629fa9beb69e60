package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"golang.org/x/sync/errgroup"
)

// A session is one conversation with the server, from the Hello on.
type session struct {
	w       *worker
	control *wire.Control
	pump    *pump
}

func (w *worker) newSession(control *wire.Control) *session {
	return &session{w: w, control: control, pump: w.newPump(control)}
}

// serveSession connects to the server and serves until the connection breaks or ctx ends. There is always an error, be it that
// of ctx.
func (w *worker) serveSession(ctx context.Context) (welcomed bool, err error) {
	control, err := w.dial().Control(ctx)
	if err != nil {
		return false, err
	}
	defer control.Close(wire.CloseNormal, "")
	stop := context.AfterFunc(ctx, func() { control.Close(wire.CloseGoing, "the agent ends") })
	defer stop()
	s := w.newSession(control)
	welcome, err := s.greet()
	if err != nil {
		return false, err
	}
	w.log.Info("connected", "server", w.ServerURL, "session", welcome.Session, "version", welcome.Server)
	for _, v := range welcome.Verdicts {
		s.obey(ctx, v)
	}
	group, inner := errgroup.WithContext(ctx)
	hangUp := context.AfterFunc(inner, func() { control.Close(wire.CloseNormal, "") })
	defer hangUp()
	group.Go(func() error { return s.receive(ctx) })
	group.Go(func() error { return s.pump.run(inner) })
	group.Go(func() error { return s.shipLogs(inner, welcome.Session) })
	return true, group.Wait()
}

// welcomeLimit is how long a server may take to answer a Hello.
const welcomeLimit = 30 * time.Second

// greet says Hello and waits for the Welcome.
func (s *session) greet() (wire.Welcome, error) {
	late := time.AfterFunc(welcomeLimit, func() { s.control.Close(wire.CloseProtocol, "no welcome") })
	defer late.Stop()
	if err := s.control.Send(s.pump.hello()); err != nil {
		return wire.Welcome{}, err
	}
	e, err := s.control.Receive()
	if err != nil {
		return wire.Welcome{}, err
	}
	switch e.Kind {
	case wire.KindWelcome:
		var m wire.Welcome
		if err := errors.Join(e.Into(&m), checkProtocol(&m)); err != nil {
			return m, err
		}
		s.pump.terms = protocol.Terms{Suspect: time.Duration(m.Suspect), Fence: time.Duration(m.Fence)}
		return m, nil
	case wire.KindRefused:
		var m wire.Refused
		if err := e.Into(&m); err != nil {
			return wire.Welcome{}, err
		}
		return wire.Welcome{}, refusedError{m}
	}
	return wire.Welcome{}, fmt.Errorf("the server answers a Hello with %q", e.Kind)
}

func checkProtocol(m *wire.Welcome) error {
	if m.Protocol < wire.MinProtocol || m.Protocol > wire.MaxProtocol {
		return fmt.Errorf("the server wants protocol %d; this agent speaks %d to %d", m.Protocol, wire.MinProtocol, wire.MaxProtocol)
	}
	return nil
}

// obey does what the Welcome says of a job that the agent holds.
func (s *session) obey(ctx context.Context, v wire.Verdict) {
	switch v.Do {
	case wire.DoStop:
		s.w.cancel(v.Claim, v.Reason, v.Hard)
	case wire.DoDiscard:
		s.w.discard(v.Claim)
	case wire.DoRecall:
		s.pump.recalled(v.Claim)
		s.w.recall(ctx, v.Claim)
	}
}

// shipLogs keeps a connection for logs as long as the session lasts. That it breaks, or starves, is no reason to end the
// session: leases are renewed on the other one.
func (s *session) shipLogs(ctx context.Context, number int64) error {
	trouble := repeated{log: s.w.log}
	for failed := 0; ; failed++ {
		began := time.Now()
		err := s.shipOnce(ctx, number)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var refused *wire.RefusedError
		if errors.As(err, &refused) && (refused.Status == http.StatusConflict || refused.Denied()) {
			return err // the session is over
		}
		if time.Since(began) >= soundSession {
			failed = 0
			trouble.over()
		}
		pause := backoff(failed, err)
		trouble.say("there is no connection for logs", err, pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *session) shipOnce(ctx context.Context, number int64) error {
	logs, err := s.w.dial().Logs(ctx, s.w.id, number)
	if err != nil {
		return err
	}
	defer logs.Close(wire.CloseNormal, "")
	return s.w.ship.run(ctx, logs, max(s.pump.terms.Ping(), minPing))
}
