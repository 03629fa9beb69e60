package caged

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// DefaultTimeout is what one compilation may take by the clock. The child gives up long before, after cpuTime, unless its
// host is so busy that it gets no processor: that is not the files' fault, so the clock is generous.
const DefaultTimeout = 20 * time.Second

// startTimeout is what a child may take to start, which is not the fault of any file.
const startTimeout = 10 * time.Second

// A Compiler answers requests by way of a child process, one at a time. Set Command and use it; Close it in the end.
type Compiler struct {
	// Command starts the child: a program that calls Serve on its standard input and output.
	Command []string
	// Env is the child's whole environment. It needs none, and gets none of the parent's secrets.
	Env     []string
	Timeout time.Duration // 0 means DefaultTimeout
	Log     *slog.Logger  // nil means slog.Default

	once  sync.Once
	turn  chan *child // holds the child, or nil, while nobody uses it
	close sync.Once
}

// ErrClosed is the answer of a Compiler after Close.
var ErrClosed = errors.New("the compiler is closed")

// Warm starts the child, so that the first request need not.
func (c *Compiler) Warm(ctx context.Context) error {
	ch, err := c.take(ctx)
	if err != nil {
		return err
	}
	ch, err = c.ready(ctx, ch)
	c.turn <- ch
	return err
}

// Compile answers a request. A request that takes too long, or kills the child, is answered by a problem that says so; the
// error is for what no file is to blame for: a child that cannot be started, or the end of ctx.
func (c *Compiler) Compile(ctx context.Context, req dsl.Request) (dsl.Response, error) {
	ch, err := c.take(ctx)
	if err != nil {
		return dsl.Response{}, err
	}
	defer func() { c.turn <- ch }()
	fresh := ch == nil
	for {
		if ch, err = c.ready(ctx, ch); err != nil {
			return dsl.Response{}, err
		}
		start := time.Now()
		res, err := c.ask(ctx, ch, req)
		if err == nil {
			return res, nil
		}
		ch.kill()
		timedOut, cause := errors.Is(err, context.DeadlineExceeded), ch.obituary()
		ch = c.replace()
		if ctx.Err() != nil {
			return dsl.Response{}, fmt.Errorf("compiling: %w", ctx.Err())
		}
		c.log().Warn("the compiler's child was replaced", "err", err, "cause", cause, "after", time.Since(start))
		switch {
		case timedOut:
			return tooSlow(), nil
		case fresh:
			return failure("E712", "The compiler died",
				"Something in the pipeline files made the compiler crash. Please report it, with the files."), nil
		}
		fresh = true // a child that had idled may have died for other reasons: ask another one
	}
}

// Close ends the child.
func (c *Compiler) Close() error {
	c.init()
	var err error
	c.close.Do(func() {
		ch := <-c.turn
		close(c.turn)
		if ch != nil {
			err = ch.end()
		}
	})
	return err
}

func (c *Compiler) init() {
	c.once.Do(func() {
		c.turn = make(chan *child, 1)
		c.turn <- nil
	})
}

// take waits for a turn. The child that comes with it may be nil.
func (c *Compiler) take(ctx context.Context) (*child, error) {
	c.init()
	select {
	case ch, open := <-c.turn:
		if !open {
			return nil, ErrClosed
		}
		return ch, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the compiler: %w", ctx.Err())
	}
}

// ready answers a child that can work: ch, or a new one. It answers nil with an error.
func (c *Compiler) ready(ctx context.Context, ch *child) (*child, error) {
	if ch == nil {
		var err error
		if ch, err = start(c.Command, c.Env); err != nil {
			return nil, err
		}
	}
	if ch.greeted {
		return ch, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var h hello
	err := ch.exchange(ctx, func() error { return readFrame(ch.out, &h) })
	if err == nil && h.Version != version {
		err = fmt.Errorf("it speaks version %d, not %d", h.Version, version)
	}
	if err != nil {
		ch.kill()
		return nil, fmt.Errorf("starting the compiler: %w%s", err, ch.obituary())
	}
	ch.greeted = true
	return ch, nil
}

func (c *Compiler) ask(ctx context.Context, ch *child, req dsl.Request) (res dsl.Response, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	err = ch.exchange(ctx, func() error {
		if err := writeFrame(ch.in, req); err != nil {
			return err
		}
		return readFrame(ch.out, &res)
	})
	return res, err
}

// replace starts a new child, so that the next request finds it warm. Where that fails, the next request says why.
func (c *Compiler) replace() *child {
	ch, err := start(c.Command, c.Env)
	if err != nil {
		c.log().Warn("the compiler's child cannot be started", "err", err)
		return nil
	}
	return ch
}

func (c *Compiler) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return DefaultTimeout
}

func (c *Compiler) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.Default()
}

func tooSlow() dsl.Response {
	return failure("E711", "Compiling took too long",
		"To compile the pipeline files took so long that it was given up. Simplify their expressions.")
}

func failure(code, title, detail string) dsl.Response {
	return dsl.Response{Problems: []plan.Problem{{Code: code, Severity: plan.Error, Title: title, Detail: detail}}}
}
