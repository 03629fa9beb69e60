package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/executor"
	"golang.org/x/sync/errgroup"
)

// How long the agent waits before it connects again.
const (
	minBackoff    = 500 * time.Millisecond
	maxBackoff    = 30 * time.Second
	deniedBackoff = 5 * time.Minute
)

// refusedError is the server's Refused.
type refusedError struct{ wire.Refused }

func (e refusedError) Error() string { return "the server refuses this agent: " + e.Reason }

// connect keeps a session with the server until ctx ends. An agent that leaves tries only once more.
func (w *worker) connect(ctx context.Context) {
	select {
	case <-w.health.asked: // so that the first thing the server hears is not that the agent is starting
	case <-ctx.Done():
		return
	}
	for failed, last := 0, false; ; failed++ {
		welcomed, err := w.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if last && !welcomed {
			close(w.alone)
			return
		}
		if welcomed {
			failed = 0
		}
		pause := backoff(failed, err)
		w.log.Warn("there is no connection to the server", "error", err, "again_in", pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-w.leaving:
			last = true
		case <-ctx.Done():
			return
		}
	}
}

// backoff answers a random time that grows with the number of failures, so that agents that lost one server at the same time
// do not come back at the same time.
func backoff(failed int, err error) time.Duration {
	var denied *wire.RefusedError
	var refused refusedError
	switch {
	case errors.As(err, &denied) && denied.Denied():
		return deniedBackoff + rand.N(time.Minute)
	case errors.As(err, &refused) && refused.RetryAfter > 0:
		return time.Duration(refused.RetryAfter) + rand.N(minBackoff)
	}
	limit := min(maxBackoff, minBackoff<<min(failed+1, 10))
	return minBackoff + rand.N(limit-minBackoff)
}

// session connects to the server and serves until the connection breaks or ctx ends. There is always an error, be it that of
// ctx.
func (w *worker) session(ctx context.Context) (welcomed bool, err error) {
	control, err := w.dialer.Control(ctx)
	if err != nil {
		return false, err
	}
	defer control.Close(wire.CloseNormal, "")
	stop := context.AfterFunc(ctx, func() { control.Close(wire.CloseGoing, "the agent ends") })
	defer stop()
	p := w.newPump(control)
	welcome, err := w.greet(control, p)
	if err != nil {
		return false, err
	}
	logs, err := w.dialer.Logs(ctx, w.id, welcome.Session)
	if err != nil {
		return false, err
	}
	defer logs.Close(wire.CloseNormal, "")
	w.log.Info("connected", "server", w.ServerURL, "session", welcome.Session, "version", welcome.Server)
	for _, v := range welcome.Verdicts {
		w.obey(v)
	}
	group, inner := errgroup.WithContext(ctx)
	hangUp := context.AfterFunc(inner, func() { control.Close(wire.CloseNormal, "") })
	defer hangUp()
	group.Go(func() error { return w.receive(ctx, control) })
	group.Go(func() error { return p.run(inner) })
	group.Go(func() error { return w.ship.run(inner, logs) })
	return true, group.Wait()
}

// greet says Hello and waits for the Welcome.
func (w *worker) greet(control *wire.Control, p *pump) (wire.Welcome, error) {
	if err := control.Send(p.hello()); err != nil {
		return wire.Welcome{}, err
	}
	e, err := control.Receive()
	if err != nil {
		return wire.Welcome{}, err
	}
	switch e.Kind {
	case wire.KindWelcome:
		var m wire.Welcome
		return m, errors.Join(e.Into(&m), checkProtocol(&m))
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
func (w *worker) obey(v wire.Verdict) {
	j := w.job(v.Claim)
	if j == nil {
		return
	}
	switch v.Do {
	case wire.DoStop:
		j.cancel(executor.Canceled{Reason: v.Reason, Hard: v.Hard})
	case wire.DoDiscard:
		j.discard()
	}
}

// receive does what the server says.
func (w *worker) receive(ctx context.Context, control *wire.Control) error {
	for {
		e, err := control.Receive()
		if err != nil {
			return err
		}
		known, err := w.hear(ctx, e)
		if err == nil && !known {
			err = control.Send(wire.Unsupported{Kind: e.Kind})
		}
		if err != nil {
			return err
		}
	}
}

// hear takes in one message. What it says of a job that the agent does not hold does not matter.
func (w *worker) hear(ctx context.Context, e wire.Envelope) (known bool, err error) {
	switch e.Kind {
	case wire.KindOffer:
		return true, with(e, func(m *wire.Offer) { w.take(ctx, *m) })
	case wire.KindStart:
		return true, with(e, func(m *wire.Start) { w.tell(m.Claim, func(j *job) { j.start() }) })
	case wire.KindReported:
		return true, with(e, func(m *wire.Reported) { w.tell(m.Claim, func(j *job) { j.reported(*m) }) })
	case wire.KindCancel:
		return true, with(e, func(m *wire.Cancel) {
			w.tell(m.Claim, func(j *job) { j.cancel(executor.Canceled{Reason: m.Reason, Hard: m.Hard}) })
		})
	case wire.KindAnswer:
		return true, with(e, func(m *wire.Answer) { w.tell(m.Claim, func(j *job) { j.answered(*m) }) })
	case wire.KindStale:
		return true, with(e, func(m *wire.Stale) { w.tell(m.Claim, func(j *job) { j.discard() }) })
	case wire.KindPong:
		return true, with(e, func(m *wire.Pong) {
			for _, d := range m.Jobs {
				w.desire(d)
			}
		})
	case wire.KindUnsupported:
		return true, with(e, func(m *wire.Unsupported) { w.log.Warn("the server does not know a message", "kind", m.Kind) })
	}
	return false, nil
}

// desire does what a Pong says of a job.
func (w *worker) desire(d wire.Desired) {
	w.tell(d.Claim, func(j *job) {
		switch {
		case d.Stale:
			j.discard()
		case d.Cancel:
			j.cancel(executor.Canceled{Reason: d.Reason, Hard: d.Hard})
		}
	})
}

func (w *worker) tell(c wire.Claim, what func(*job)) {
	if j := w.job(c); j != nil {
		what(j)
	}
}

// with reads the body of e and does something with it.
func with[M any, P interface {
	*M
	wire.Message
}](e wire.Envelope, do func(*M)) error {
	var m M
	if err := e.Into(P(&m)); err != nil {
		return err
	}
	do(&m)
	return nil
}
