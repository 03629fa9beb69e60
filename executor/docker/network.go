package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// A jobNetwork is a bridge of its own for one job.
type jobNetwork struct {
	name  string
	made  *future[string] // its id
	heard bool            // Docker may know of it; may be read when it is made, or could not be
}

// networks keeps one network ready ahead: to make one takes a fifth of the time from the offer of a job to its first line.
// A network that was made ahead carries the agent's label only, because Docker cannot add labels later.
type networks struct {
	engine *Engine
	making sync.WaitGroup

	mu     sync.Mutex    // guards what follows
	ahead  *jobNetwork   // nil if there is none
	strays []*jobNetwork // were made ahead and came to nothing, or too late
	closed bool          // none is made ahead any more
}

// take answers the network that was made ahead, else a new one that is under way.
func (n *networks) take(ctx context.Context) *jobNetwork {
	n.mu.Lock()
	defer n.mu.Unlock()
	ready := n.ahead
	n.ahead = nil
	switch {
	case ready == nil:
	case !ready.made.ready() || ready.made.err == nil:
		return ready
	default:
		n.strays = append(n.strays, ready)
	}
	return n.begin(ctx)
}

// next answers the name of the network that is made ahead; empty if there is none.
func (n *networks) next() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ahead == nil {
		return ""
	}
	return n.ahead.name
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
	made := &jobNetwork{name: name}
	made.made = begin(&n.making, func() (id string, err error) {
		making := false // Docker may still be doing it
		err = n.engine.persist(ctx, "making the job's network", func(ctx context.Context) (err error) {
			id, err = n.makeOnce(ctx, made, making)
			making = making || errors.Is(err, context.DeadlineExceeded)
			return err
		})
		return id, err
	})
	return made
}

// makeOnce makes a network, unless it is there already: Docker may have made it and not said so. As long as it may be making
// it, it is not asked again, because it allows several of a name.
func (n *networks) makeOnce(ctx context.Context, made *jobNetwork, making bool) (id string, err error) {
	if made.heard {
		ids, err := n.named(ctx, made.name)
		switch {
		case err != nil:
			return "", err
		case len(ids) > 0:
			return ids[0], nil
		case making:
			return "", errInTheMaking
		}
	}
	answer, err := n.engine.client.NetworkCreate(ctx, made.name, network.CreateOptions{
		Driver: "bridge", Labels: map[string]string{LabelAgent: n.engine.config.AgentID},
	})
	made.heard = made.heard || !client.IsErrConnectionFailed(err) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
	return answer.ID, err
}

// named answers the networks of a name.
func (n *networks) named(ctx context.Context, name string) (ids []string, err error) {
	found, err := n.engine.client.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	for _, f := range found {
		if f.Name == name { // and not only a part of it
			ids = append(ids, f.ID)
		}
	}
	return ids, err
}

// late answers the networks of a name that came to be though Docker did not say so. One that may still come is waited for: Docker
// goes on with what it was asked for when nobody waits any more.
func (n *networks) late(ctx context.Context, name string, mayCome bool) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lateLimit)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		ids, err := n.named(ctx, name)
		if err != nil || len(ids) > 0 || !mayCome {
			return ids, err
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(wait):
		}
	}
}

// missing says whether Docker does not know a network that was made.
func (n *networks) missing(ctx context.Context, made *jobNetwork) bool {
	ask, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	_, err := n.engine.client.NetworkInspect(ask, made.name, network.InspectOptions{})
	return made.made.ready() && errdefs.IsNotFound(err)
}

// remove removes a network, if it came to be.
func (n *networks) remove(ctx context.Context, made *jobNetwork) error {
	id, err := made.made.wait(ctx)
	if err != nil && !made.made.ready() {
		return err
	}
	if !made.heard {
		return nil
	}
	ids := []string{id}
	if err != nil {
		if ids, err = n.late(ctx, made.name, late(err)); err != nil {
			return fmt.Errorf("removing network %s: %w", made.name, bare(err))
		}
	}
	return inParallel(slices.Values(ids), func(id string) error {
		return insist(ctx, "network "+made.name, func(ctx context.Context) error {
			return n.engine.client.NetworkRemove(ctx, id)
		})
	})
}

// close lets no more networks be made ahead, and removes the one that was.
func (n *networks) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	return errors.Join(n.cool(ctx), waitFor(ctx, &n.making))
}

// cool removes the network that was made ahead, and those that should have been. One that it cannot remove now is still there for the
// next call.
func (n *networks) cool(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.strays) > 0 {
		if err := n.remove(ctx, n.strays[0]); err != nil {
			return err
		}
		n.strays = n.strays[1:]
	}
	if n.ahead == nil {
		return nil
	}
	if err := n.remove(ctx, n.ahead); err != nil {
		return err
	}
	n.ahead = nil
	return nil
}
