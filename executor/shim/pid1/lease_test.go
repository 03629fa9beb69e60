//go:build linux

package pid1

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A sleeper is a clock that may jump ahead of the timers, as CLOCK_BOOTTIME does when the host slept.
type sleeper struct {
	began time.Time
	slept atomic.Int64
}

func (c *sleeper) now() time.Duration {
	return 1000*time.Hour + time.Since(c.began) + time.Duration(c.slept.Load())
}

// waiting waits for the end of a lease, and answers how long that took.
func waiting(l *lease) <-chan time.Duration {
	took, began := make(chan time.Duration, 1), time.Now()
	go func() {
		if l.wait(nil) {
			took <- time.Since(began)
		}
	}()
	return took
}

func TestLease(t *testing.T) {
	for name, c := range map[string]struct {
		until time.Duration // from now
		do    func(l *lease, c *sleeper)
		took  time.Duration
	}{
		"AsLongAsItIs": {10 * time.Minute, func(*lease, *sleeper) {}, 10 * time.Minute},
		"Over":         {0, func(*lease, *sleeper) {}, 0},
		"LongOver":     {-time.Hour, func(*lease, *sleeper) {}, 0},
		"Short":        {30 * time.Millisecond, func(*lease, *sleeper) {}, 30 * time.Millisecond},
		"Renewed": {time.Minute, func(l *lease, c *sleeper) {
			for range 10 {
				time.Sleep(59 * time.Second)
				l.renew(c.now() + time.Minute)
			}
		}, 650 * time.Second},
		"RenewedAtTheLastMoment": {time.Minute, func(l *lease, c *sleeper) {
			time.Sleep(time.Minute - time.Millisecond)
			l.renew(c.now() + time.Minute)
		}, 2*time.Minute - time.Millisecond},
		"NeverShorter": {time.Hour, func(l *lease, c *sleeper) { l.renew(c.now() + time.Minute) }, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := &sleeper{began: time.Now()}
				l := newLease(clock.now, clock.now()+c.until)
				took := waiting(l)
				c.do(l, clock)
				if got := <-took; got != c.took {
					t.Errorf("it was over after %s, want %s", got, c.took)
				}
				if !l.over() {
					t.Error("and it is not")
				}
			})
		})
	}
}

// While the host sleeps the lease goes on, and nobody's timer does.
func TestLeaseOverWhileTheHostSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &sleeper{began: time.Now()}
		l := newLease(clock.now, clock.now()+time.Hour)
		took := waiting(l)
		time.Sleep(time.Minute + 300*time.Millisecond)
		synctest.Wait()
		clock.slept.Store(int64(2 * time.Hour))
		if late := <-took - time.Minute - 300*time.Millisecond; late > time.Second {
			t.Errorf("that is noticed %s after the host woke up", late)
		}
	})
}

func TestLeaseStops(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	for name, l := range map[string]*lease{"ForEver": nil, "Long": newLease(boottime, boottime()+time.Hour)} {
		l.renew(boottime() + 2*time.Hour)
		if l.over() || l.wait(stop) {
			t.Errorf("%s: it is over", name)
		}
	}
}

func TestBoottimeGoesOn(t *testing.T) {
	before := boottime()
	time.Sleep(20 * time.Millisecond)
	if passed := boottime() - before; before <= 0 || passed < 20*time.Millisecond || passed > time.Minute {
		t.Errorf("from %s on %s passed", before, passed)
	}
}
