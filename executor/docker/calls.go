package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

const (
	callLimit   = 2 * time.Minute  // for one call that makes something; a busy engine may be slow
	removeLimit = 30 * time.Second // for one call that removes something
	silentLimit = 3 * time.Second  // for an engine that does not answer at all while something is removed
)

// limited gives a call its deadline, and lets it come to its end when ctx is canceled: a container that Docker is just
// making would otherwise be left over.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), callLimit)
}

// insist removes something: again and again while Docker says that it is still in use, until ctx ends. What is not
// there is removed. If Docker is away, a later Sweep has to do it.
func insist(ctx context.Context, what string, remove func(context.Context) error) error {
	began := time.Now()
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		call, cancel := context.WithTimeout(ctx, removeLimit)
		err := remove(call)
		cancel()
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if client.IsErrConnectionFailed(err) && time.Since(began) > silentLimit {
			return fmt.Errorf("removing %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("removing %s: %w", what, bare(err))
		case <-time.After(wait):
		}
	}
}

// bare takes the phrase away that Docker's client puts before the words of the engine.
func bare(err error) error {
	const phrase = "Error response from daemon: "
	if text, ok := strings.CutPrefix(err.Error(), phrase); ok {
		return words{text, err}
	}
	return err
}

// words is an error in other words.
type words struct {
	text  string
	cause error
}

func (w words) Error() string { return w.text }
func (w words) Unwrap() error { return w.cause }

var errClosed = errors.New("the room was closed")
