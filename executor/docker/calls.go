package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/tutti-ci/tutti/dsl/plan"
)

const (
	askLimit    = 10 * time.Second // for one call that only asks
	buildLimit  = 5 * time.Minute  // for building the shim
	removeLimit = 30 * time.Second // for one call that removes something
	silentLimit = 3 * time.Second  // for an engine that does not answer at all while something is removed
	lateLimit   = 10 * time.Second // for what Docker still makes when it was given up
	failedLimit = 3                // tries at what Docker answers with an error of its own
)

// persist makes something, or asks for it: again while Docker is away or hangs, as long as the engine's patience lasts; and
// a few times if Docker answers that it failed itself. A call comes to its end when ctx is canceled, because a container that
// Docker is just making would otherwise be left over; and it must be harmless when Docker did the work and did not say so.
func (e *Engine) persist(ctx context.Context, what string, call func(context.Context) error) error {
	end := time.Now().Add(e.config.Patience)
	for tries, wait := 1, 50*time.Millisecond; ; wait = min(2*wait, time.Second) {
		// One call that is never answered does not use up all the patience.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(e.config.Patience/failedLimit, time.Millisecond))
		err := call(limited)
		cancel()
		switch {
		case err == nil:
			return nil
		case full(err):
			return &dockerError{"Docker's disk is full: " + what, err}
		case exhausted(err):
			if time.Now().Add(wait).After(end) {
				return &dockerError{"Docker has no addresses for another network (more default-address-pools in its daemon.json help, or a smaller --capacity)", err}
			}
		case away(err), errors.Is(err, errInTheMaking):
			if time.Now().Add(wait).After(end) {
				return e.unanswered(what, err)
			}
		case !errdefs.IsInternal(err) && !errdefs.IsConflict(err), tries == failedLimit: // a conflict may have been removed
			return fmt.Errorf("%s: %w", what, bare(err))
		default:
			tries++
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, bare(err))
		case <-time.After(wait):
		}
	}
}

// A dockerError is the trouble of the Docker engine itself, and nobody else's.
type dockerError struct {
	what  string
	cause error
}

func (e *dockerError) Error() string {
	if errors.Is(e.cause, context.DeadlineExceeded) { // whose words say nothing
		return e.what
	}
	return e.what + ": " + bare(e.cause).Error()
}

func (e *dockerError) Unwrap() error { return e.cause }

// unanswered answers the trouble with an engine that did not answer for too long.
func (e *Engine) unanswered(what string, err error) error {
	return &dockerError{fmt.Sprintf("Docker did not answer for %s: %s", plan.Duration(e.config.Patience), what), err}
}

// away says whether an error is that of a Docker engine that is not there, or does not answer.
func away(err error) bool { return silent(err) || errdefs.IsUnavailable(err) }

// errInTheMaking says that Docker is still making what it was asked for before.
var errInTheMaking = errors.New("it is being made")

// late says whether Docker may still do what it was asked for, after an error.
func late(err error) bool { return silent(err) || errors.Is(err, errInTheMaking) }

// silent says whether Docker answered nothing at all.
func silent(err error) bool {
	return client.IsErrConnectionFailed(err) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// full says whether Docker had no room on its disk; it has no other way to say so than these words.
func full(err error) bool {
	return strings.Contains(err.Error(), "no space left on device") || strings.Contains(err.Error(), "disk quota exceeded")
}

// exhausted says whether Docker has given all its networks away; jobs that end give theirs back. It has no other way to say so.
func exhausted(err error) bool {
	return strings.Contains(err.Error(), "non-overlapping IPv4 address pool")
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
			return fmt.Errorf("removing %s: %w", what, bare(err))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("removing %s: %w", what, bare(err))
		case <-time.After(wait):
		}
	}
}

// bare answers an error of Docker's client in the words of the engine, or of the system: without the phrase that the client puts
// before them, and without the address of a request, which says nothing to people.
func bare(err error) error {
	const phrase = "Error response from daemon: "
	text := strings.TrimPrefix(err.Error(), phrase)
	if request, ok := errors.AsType[*url.Error](err); ok {
		text = strings.Replace(text, request.Error(), request.Err.Error(), 1)
		text = strings.Replace(text, "error during connect: ", "", 1)
	}
	text = strings.ReplaceAll(text, context.DeadlineExceeded.Error(), "no answer in time")
	if text == err.Error() {
		return err
	}
	return words{text, err}
}

// words is an error in other words.
type words struct {
	text  string
	cause error
}

func (w words) Error() string { return w.text }
func (w words) Unwrap() error { return w.cause }

var errClosed = errors.New("the room was closed")
