package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/tutti-ci/tutti/server"
)

// isTerminal says whether a person is at the other end of a console's In, Out or Err.
func isTerminal(end any) bool {
	f, ok := end.(*os.File)
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

// readYes reads a yes or a no from the terminal of this process, until ctx ends.
func readYes(ctx context.Context, out io.Writer) (bool, error) {
	tty, err := os.Open("/dev/tty") // unlike the standard input, it can be closed under a read
	if err != nil {
		return false, fmt.Errorf("opening the terminal: %w", err)
	}
	defer tty.Close()
	defer context.AfterFunc(ctx, func() { _ = tty.Close() })()
	lines := bufio.NewScanner(tty)
	for lines.Scan() {
		switch strings.ToLower(strings.TrimSpace(lines.Text())) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		fmt.Fprint(out, "y or n? ")
	}
	return false, errors.Join(ctx.Err(), lines.Err(), io.EOF)
}

// show follows a run in the way that suits whoever reads: live with prefixes on a terminal, plain logs elsewhere.
func show(ctx context.Context, con console, src source, id server.RunID, a *answers) (server.Run, error) {
	if !isTerminal(con.Out) {
		v := newPlainView(con.Out)
		v.nodes.local = a != nil
		return a.follow(ctx, src, id, v)
	}
	v := newTerminalView(con.Out, widthOf(con.Out), time.Now)
	v.nodes.local = a != nil
	if a != nil && isTerminal(con.In) {
		a.ask = v.Ask
	}
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
	run, err := a.follow(ctx, src, id, v)
	stop()
	ticks.Wait()
	v.Finish()
	return run, err
}
