package agent

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// diskPatience is for how long what needs space on a full disk waits for it, before a job is lost over it.
const diskPatience = 10 * time.Minute

// How often a full disk is tried again.
const (
	minDiskPause = 200 * time.Millisecond
	maxDiskPause = 2 * time.Second
)

// A patience has writers wait while a disk is full.
type patience struct {
	limit time.Duration // 0 is for ever
	full  func(error)   // told each time before there is a wait; may make space. nil is nobody
}

// forEver is the same without a limit.
func (p patience) forEver() patience {
	p.limit = 0
	return p
}

// try does something, and again as long as there is no space for it, until ctx ends or the limit is reached.
func (p patience) try(ctx context.Context, do func() error) error {
	pause, waited := minDiskPause, time.Duration(0)
	for {
		err := do()
		if err == nil || !isFull(err) {
			return err
		}
		if p.limit > 0 && waited >= p.limit {
			return fmt.Errorf("%w, for %s", err, plan.Duration(p.limit))
		}
		if p.full != nil {
			p.full(err)
		}
		clock := time.NewTimer(pause)
		select {
		case <-clock.C:
		case <-ctx.Done():
			clock.Stop()
			return errors.Join(err, context.Cause(ctx))
		}
		waited += pause
		pause = min(2*pause, maxDiskPause)
	}
}

// isFull says whether an error goes away when there is space.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
