package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
)

const (
	fateLimit   = 3 * time.Second        // for Docker to notice that a container ended whose shim is gone
	settleLimit = time.Second            // for Docker to know why it ended
	eventsKept  = 256                    // that many of its last events Docker remembers, until it ends
	eventsIdle  = 300 * time.Millisecond // the events that Docker remembers come at once
)

var (
	errRemoved = errors.New("the container was removed by somebody")
	errBroke   = errors.New("the connection to its shim broke")
)

// ended answers how a container ended; nil if it runs, or as long as Docker does not say.
func (e *Engine) ended(ctx context.Context, c *box) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer cancel()
	info, err := e.client.ContainerInspect(ctx, c.name)
	switch {
	case errdefs.IsNotFound(err):
		return errRemoved
	case err != nil || info.State.Running:
		return nil
	}
	why, err := e.why(ctx, info)
	if err != nil {
		return fmt.Errorf("the container ended with exit code %d", info.State.ExitCode)
	}
	return why
}

// fate finds out what became of a container whose shim is gone. It waits for a Docker engine that is away, and a moment for
// one that is about to know more: whoever removes a container kills it first, and so does an engine that ends. The error says why
// nobody can tell: errBroke if Docker has it that the container runs.
func (e *Engine) fate(ctx context.Context, name string) (known, err error) {
	settled := false
	for end := time.Now().Add(fateLimit); ; {
		fate, err := e.inspectFate(ctx, name)
		switch {
		case err != nil:
			return nil, err
		case errors.Is(fate, errRemoved), fate != nil && settled:
			return fate, nil
		case fate == nil && time.Now().After(end):
			return nil, errBroke
		}
		pause := fateLimit / 30
		if fate != nil {
			settled, pause = true, settleLimit
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// inspectFate answers how a container ended, by Docker's word of now; nil if it runs.
func (e *Engine) inspectFate(ctx context.Context, name string) (fate, err error) {
	err = e.persist(ctx, "asking what became of the container", func(ctx context.Context) error {
		fate = nil
		info, err := e.client.ContainerInspect(ctx, name)
		switch {
		case errdefs.IsNotFound(err):
			fate = errRemoved
			return nil
		case err != nil || info.State.Running:
			return err
		}
		fate, err = e.why(ctx, info)
		return err
	})
	return fate, err
}

// why says why a container ended. The error is Docker's, which does not answer.
func (e *Engine) why(ctx context.Context, info container.InspectResponse) (why, err error) {
	seen, err := e.witnessed(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	code := info.State.ExitCode
	switch {
	case seen.restarted:
		return errors.New("Docker was restarted while it ran (live-restore is off)"), nil //nolint:staticcheck // a name
	case info.State.OOMKilled:
		return fmt.Errorf("the container ended with exit code %d, out of memory", code), nil
	case info.State.Error != "":
		return fmt.Errorf("the container ended with exit code %d: %s", code, info.State.Error), nil
	case seen.killed:
		return fmt.Errorf("the container was killed by somebody, with exit code %d", code), nil
	}
	return fmt.Errorf("the container ended with exit code %d", code), nil
}

// testimony is what the events of Docker say about a container. What they do not say is not known.
type testimony struct {
	restarted bool // Docker was, while the container ran, and ends containers then
	killed    bool // somebody asked Docker to
}

// witnessed asks Docker for the events that it remembers. It forgets them when it ends: one that does not remember the start
// of the container, and has not had so many events since that it could have forgotten it, is not the one that started it.
func (e *Engine) witnessed(ctx context.Context, id string) (testimony, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer cancel()
	info, err := e.client.Info(ctx)
	if err != nil {
		return testimony{}, err
	}
	var seen testimony
	started, count := false, 0
	messages, failed := e.client.Events(ctx, events.ListOptions{Since: "0"})
	for {
		select {
		case m := <-messages:
			count++
			if m.Type == events.ContainerEventType && m.Actor.ID == id {
				started = started || m.Action == events.ActionStart
				seen.killed = seen.killed || m.Action == events.ActionKill
			}
			continue
		case err := <-failed:
			return testimony{}, err
		case <-time.After(eventsIdle):
		}
		seen.restarted = !started && count < eventsKept && !info.LiveRestoreEnabled
		return seen, nil
	}
}
