package clock_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/clock"
)

func TestAClockThatWasSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"AnHourAhead": time.Hour, "AnHourBack": -time.Hour, "TenYearsAhead": 87600 * time.Hour, "TenYearsBack": -87600 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var offset atomic.Int64
				begin := time.Now()
				c := clock.From(func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }, func() time.Duration { return time.Since(begin) })
				var troubles server.Troubles
				var moved atomic.Int64
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					c.Watch(ctx, &troubles, func(_ context.Context, by time.Duration) error {
						moved.Add(int64(by))
						c.Move(by)
						return nil
					})
				}()
				time.Sleep(10 * time.Second)
				if len(troubles.All()) > 0 {
					t.Errorf("troubles are %+v", troubles.All())
				}
				offset.Store(int64(jump))
				if got := c.Now().Sub(begin); got != 10*time.Second {
					t.Errorf("after 10 s the clock went on by %v", got)
				}
				time.Sleep(30 * time.Second)
				all := troubles.All()
				if len(all) != 1 || all[0].Halts || !strings.Contains(all[0].Text, jump.Abs().String()) {
					t.Errorf("troubles are %+v", all)
				}
				if moved.Load() != 0 {
					t.Error("the clock is believed at once")
				}
				time.Sleep(time.Minute)
				if got := time.Duration(moved.Load()); got != jump {
					t.Errorf("all was moved by %v, want %v", got, jump)
				}
				if skew := c.Skew(); skew != 0 {
					t.Errorf("the clocks still differ by %v", skew)
				}
				time.Sleep(10 * time.Second)
				if len(troubles.All()) > 0 {
					t.Errorf("troubles are %+v", troubles.All())
				}
				cancel()
				<-done
			})
		})
	}
	t.Run("AndSetBack", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var offset atomic.Int64
			begin := time.Now()
			c := clock.From(func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }, func() time.Duration { return time.Since(begin) })
			var troubles server.Troubles
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.Watch(ctx, &troubles, func(context.Context, time.Duration) error {
					t.Error("a clock that was mended was believed")
					return nil
				})
			}()
			for range 4 {
				offset.Store(int64(time.Hour))
				time.Sleep(40 * time.Second)
				offset.Store(0)
				time.Sleep(40 * time.Second)
			}
			cancel()
			<-done
		})
	})
}
