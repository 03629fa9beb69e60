package main

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/tutti-ci/tutti/server"
)

// isTerminal says whether a person reads w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// widthOf answers the columns of the terminal behind w, anew at each call, since people resize windows.
func widthOf(w io.Writer) func() int {
	return func() int {
		if f, ok := w.(*os.File); ok {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil {
				return width
			}
		}
		return 80
	}
}

// show follows a run in the way that suits whoever reads out: live with prefixes on a terminal, plain logs elsewhere.
func show(ctx context.Context, out io.Writer, src source, id server.RunID) (server.Run, error) {
	if !isTerminal(out) {
		return follow(ctx, src, id, newPlainView(out))
	}
	v := newTerminalView(out, widthOf(out), time.Now)
	ticking, stop := context.WithCancel(ctx)
	var ticks sync.WaitGroup
	ticks.Go(func() {
		clock := time.NewTicker(spinnerPeriod)
		defer clock.Stop()
		for {
			select {
			case <-ticking.Done():
				return
			case <-clock.C:
				v.Tick()
			}
		}
	})
	run, err := follow(ctx, src, id, v)
	stop()
	ticks.Wait()
	v.Finish()
	return run, err
}
