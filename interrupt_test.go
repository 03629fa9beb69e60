package main

import (
	"context"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/tutti-ci/tutti/server"
)

// Whoever reads of a canceled run is told what ended it.
func TestInterruptNamesItsSignal(t *testing.T) {
	for sent, want := range map[syscall.Signal]string{syscall.SIGINT: "canceled by Ctrl-C", syscall.SIGTERM: "canceled by SIGTERM"} {
		ctx, stop := signal.NotifyContext(t.Context(), sent)
		if err := syscall.Kill(syscall.Getpid(), sent); err != nil {
			t.Fatal(err)
		}
		over, reasons := make(chan struct{}), []string{}
		interrupt{func(_ context.Context, _ server.RunID, reason string) error {
			reasons = append(reasons, reason)
			close(over)
			return nil
		}, 1, io.Discard}.watch(ctx, over)
		stop()
		if got := strings.Join(reasons, "; "); got != want {
			t.Errorf("%v: the run is %q, want %q", sent, got, want)
		}
	}
}
