package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// farewell is how long an interrupted run may take to end: first all but what runs after a cancellation, then that as well.
// What is left then is for the clean-up.
const farewell = 30 * time.Second

// An interrupt ends a local run when its user wants that. It is not the end of the run but a wish to end it: what it comes
// to is shown like any other end.
type interrupt struct {
	cancel func(ctx context.Context, run server.RunID, reason string) error
	run    server.RunID
	errs   io.Writer
}

// watch waits for ctx, which ends with the first Ctrl-C or SIGTERM, and cancels the run; after a second one, or when it takes too
// long, it cancels it once more, which is harder. It returns when over is closed, or when the run has had its time.
func (i interrupt) watch(ctx context.Context, over <-chan struct{}) {
	select {
	case <-over:
		return
	case <-ctx.Done():
	}
	again, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer stop()
	who := "Ctrl-C"
	if context.Cause(ctx).Error() == syscall.SIGTERM.String()+" signal received" {
		who = "SIGTERM"
	}
	i.ask("canceled by " + who)
	late := time.NewTimer(farewell)
	defer late.Stop()
	select {
	case <-over:
		return
	case <-again.Done():
		i.ask("canceled by " + who + ", twice")
	case <-late.C:
		i.ask(fmt.Sprintf("canceled by %s, and not over %s later", who, farewell))
	}
	late.Reset(farewell)
	select {
	case <-over:
	case <-late.C:
	}
}

func (i interrupt) ask(reason string) {
	limited, stop := context.WithTimeout(context.Background(), farewell)
	defer stop()
	if err := i.cancel(limited, i.run, reason); err != nil && server.KindOf(err) != server.Conflict {
		fmt.Fprintf(i.errs, "tutti: canceling the run: %v\n", err)
	}
}
