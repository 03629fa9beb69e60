// Package flow brings the compiler and the store together for what a run could not know when it was planned: nodes that refer
// to the ends of others, the outputs of jobs, and the values of activities that are about to begin.
//
// All it asks is in the store, and each answer is a guarded change there: after a crash, or when two of them run, the same
// questions are asked again and the second answer changes nothing. It decides nothing about a run; that the compiler cannot be reached
// fails no job, but is tried again. Secrets pass through it, from the store to the compiler and to whoever asked, and stay nowhere.
//
// It owns one goroutine, that of Run, which also lets time end what it has to end: approvals, and what runs after a
// cancellation.
package flow

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Questions is where the store says what the compiler is needed for.
type Questions interface {
	Pending(ctx context.Context) ([]server.Pending, error)
	Known(ctx context.Context, node server.JobRef) (server.Known, error)
	RunSource(ctx context.Context, run server.RunID) ([]byte, error)
	SecretValues(ctx context.Context, project, environment string, names []string) (map[string]string, error)
}

// Answers is where the store takes the compiler's answers. A Conflict says that nobody waits for one any more.
type Answers interface {
	// Expand answers Invalid for what cannot be a plan.
	Expand(ctx context.Context, node server.JobRef, jobs []plan.Job) error
	FailNode(ctx context.Context, node server.JobRef, cause string) error
	Conclude(ctx context.Context, node server.JobRef, outputs map[string]json.RawMessage, problem string) error
	// Expire ends what time ends, and answers when it should be called next; the zero time if nothing waits for that.
	Expire(ctx context.Context) (next time.Time, err error)
}

// Store is both.
type Store interface {
	Questions
	Answers
}

// A Compiler makes plans. Its error says that it could not, whatever the files say.
type Compiler interface {
	Compile(ctx context.Context, req dsl.Request) (dsl.Response, error)
}

// A Flow moves on what waits for the compiler, or for a time. All fields must be set.
type Flow struct {
	Store    Store
	Compiler Compiler
	Now      func() time.Time // the store's clock
	Log      *slog.Logger

	makeBell sync.Once
	bell     chan struct{} // holds a value while there may be something to do
}

// Poke says that something changed. It never blocks.
func (f *Flow) Poke() {
	select {
	case f.rings() <- struct{}{}:
	default: // it rings already
	}
}

func (f *Flow) rings() chan struct{} {
	f.makeBell.Do(func() { f.bell = make(chan struct{}, 1) })
	return f.bell
}

// Run does what is pending, whenever it is poked and when a time has come, until ctx ends.
func (f *Flow) Run(ctx context.Context) error {
	b := backoff{}
	for ctx.Err() == nil {
		next := earlier(f.doPending(ctx, b), f.expire(ctx))
		f.wait(ctx, next)
	}
	return nil
}

// wait answers when there may be something to do: at the latest at that time, unless it is zero.
func (f *Flow) wait(ctx context.Context, next time.Time) {
	if !next.IsZero() {
		limited, cancel := context.WithTimeout(ctx, next.Sub(f.Now()))
		defer cancel()
		ctx = limited
	}
	select {
	case <-f.rings():
	case <-ctx.Done():
	}
}

// expire lets time end what it has to, and answers when to look next.
func (f *Flow) expire(ctx context.Context) time.Time {
	next, err := f.Store.Expire(ctx)
	if err != nil && ctx.Err() == nil {
		f.Log.Error("deadlines cannot be kept", "error", err)
		return f.Now().Add(firstRetry)
	}
	return next
}

// doPending does all that is pending, and answers when to look again for what could not be done; the zero time if all was.
func (f *Flow) doPending(ctx context.Context, b backoff) (next time.Time) {
	all, err := f.Store.Pending(ctx)
	if err != nil {
		if ctx.Err() == nil {
			f.Log.Error("what waits for the compiler cannot be read", "error", err)
		}
		return f.Now().Add(firstRetry)
	}
	b.keep(all)
	for _, p := range all {
		if ctx.Err() != nil {
			return time.Time{}
		}
		if at := b[p].at; at.After(f.Now()) {
			next = earlier(next, at)
			continue
		}
		err := f.do(ctx, p)
		if err == nil || server.KindOf(err) == server.Conflict {
			delete(b, p)
			continue
		}
		at := b.failed(p, f.Now())
		next = earlier(next, at)
		if ctx.Err() == nil {
			f.Log.Error("a job waits for the compiler", "run", p.Run, "job", p.Job, "error", err, "next", at)
		}
	}
	return next
}

// earlier answers the earlier of two times, of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
