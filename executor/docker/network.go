package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// A jobNetwork is a bridge of its own for one job.
type jobNetwork struct {
	name string
	made *future[string] // its id
}

// networks keeps one network ready ahead: to make one takes a fifth of the time from the offer of a job to its first line.
// A network that was made ahead carries the agent's label only, because Docker cannot add labels later.
type networks struct {
	engine *Engine
	making sync.WaitGroup

	mu     sync.Mutex  // guards what follows
	ahead  *jobNetwork // nil if there is none
	closed bool        // none is made ahead any more
}

// take answers the network that was made ahead, else a new one that is under way.
func (n *networks) take(ctx context.Context) *jobNetwork {
	n.mu.Lock()
	ready := n.ahead
	n.ahead = nil
	n.mu.Unlock()
	if ready != nil && (!ready.made.ready() || ready.made.err == nil) {
		return ready
	}
	return n.begin(ctx)
}

// warm makes a network ahead, if there is none.
func (n *networks) warm(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ahead == nil && !n.closed {
		n.ahead = n.begin(ctx)
	}
}

func (n *networks) begin(ctx context.Context) *jobNetwork {
	agent := n.engine.config.AgentID
	name := "tutti-" + shortHash(agent) + "-" + strings.ToLower(rand.Text()[:12])
	return &jobNetwork{name: name, made: begin(&n.making, func() (string, error) {
		call, cancel := limited(ctx)
		defer cancel()
		made, err := n.engine.client.NetworkCreate(call, name, network.CreateOptions{
			Driver: "bridge", Labels: map[string]string{LabelAgent: agent},
		})
		if err != nil {
			return "", fmt.Errorf("making the job's network: %w", bare(err))
		}
		return made.ID, nil
	})}
}

// remove removes a network, if it came to be.
func (n *networks) remove(ctx context.Context, made *jobNetwork) error {
	id, err := made.made.wait(ctx)
	if err != nil && !made.made.ready() {
		return err
	}
	if client.IsErrConnectionFailed(err) {
		return nil // Docker never heard of it
	}
	if err != nil {
		id = made.name // Docker may have made it and not said so
	}
	return insist(ctx, "network "+made.name, func(ctx context.Context) error {
		return n.engine.client.NetworkRemove(ctx, id)
	})
}

// close lets no more networks be made ahead, and removes the one that was.
func (n *networks) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	return errors.Join(n.cool(ctx), waitFor(ctx, &n.making))
}

// cool removes the network that was made ahead. One that it cannot remove now is still there for the next call.
func (n *networks) cool(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ahead == nil {
		return nil
	}
	if err := n.remove(ctx, n.ahead); err != nil {
		return err
	}
	n.ahead = nil
	return nil
}
