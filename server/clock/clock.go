// Package clock is the server's time. It goes on steadily whatever becomes of the machine's clock, so that no deadline passes and
// nothing changes its order because somebody set that.
//
// Now is the machine's clock as it was at the start, and the time since by a clock that nobody can set and that goes on while the
// machine sleeps. When the two have differed for long enough the machine's clock is believed: what was stored is then moved along
// by the difference (see Clock.Watch), and only the times that people see change.
package clock

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tutti-ci/tutti/server"
)

const (
	// look is how often the two clocks are compared, tolerated how much they may differ, and patience for how long they may differ
	// by more before the machine's clock is believed.
	look      = 5 * time.Second
	tolerated = 5 * time.Second
	patience  = time.Minute
)

// A Clock is a steady clock. Make one with New.
type Clock struct {
	// Wall is the machine's clock, and Elapsed one that only goes on. They are set by New; tests replace them before the first use.
	Wall    func() time.Time
	Elapsed func() time.Duration

	mu   sync.Mutex // guards base and at
	base time.Time  // what Now was
	at   time.Duration
}

// New answers a clock that shows the machine's time.
func New() *Clock { return From(time.Now, Elapsed) }

// From is New with other clocks.
func From(wall func() time.Time, elapsed func() time.Duration) *Clock {
	return &Clock{Wall: wall, Elapsed: elapsed, base: wall().Round(0), at: elapsed()}
}

// Elapsed is the time since some moment in the past, the machine's sleep included.
func Elapsed() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(steadily, &ts) // fails only for a clock that there is not
	return time.Duration(ts.Nano())
}

// Now answers the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base.Add(c.Elapsed() - c.at)
}

// Skew answers by how much the machine's clock is ahead.
func (c *Clock) Skew() time.Duration { return c.Wall().Round(0).Sub(c.Now()) }

// Move sets the clock by that much.
func (c *Clock) Move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = c.base.Add(by)
}

// Watch compares the clocks until ctx ends. While the machine's differs people are told, as the trouble "clock". Once it has differed
// by about the same for long enough, move is called: it calls Move, and moves all times along that are still to come.
func (c *Clock) Watch(ctx context.Context, troubles *server.Troubles, move func(ctx context.Context, by time.Duration) error) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	var w watch
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		skew := c.Skew()
		by, due := w.see(skew, c.Elapsed())
		if due {
			if err := move(ctx, by); err != nil {
				continue // told where it happened; the next look tries again
			}
			w = watch{}
			skew = 0
		}
		c.tell(troubles, skew)
	}
}

func (c *Clock) tell(troubles *server.Troubles, skew time.Duration) {
	if skew.Abs() <= tolerated {
		troubles.Clear("clock")
		return
	}
	ahead := "ahead"
	if skew < 0 {
		ahead = "behind"
	}
	troubles.Set(server.Trouble{Kind: "clock", Since: c.Now(), Text: fmt.Sprintf(
		"The clock of the server's machine was set: it is %s %s. Nothing is decided by it; if it stays so, times will be shown by it from about a minute on", skew.Abs().Round(time.Second), ahead)})
}

// A watch is what was seen of a clock that differs.
type watch struct {
	skew  time.Duration
	since time.Duration // on the steady clock; 0 if it does not differ
}

// see takes in by how much the machine's clock is ahead. It answers true once that has lasted.
func (w *watch) see(skew, now time.Duration) (by time.Duration, due bool) {
	switch {
	case skew.Abs() <= tolerated:
		*w = watch{}
		return 0, false
	case w.since == 0 || (skew-w.skew).Abs() > tolerated:
		*w = watch{skew: skew, since: max(now, 1)}
		return 0, false
	}
	return skew, now-w.since >= patience
}
