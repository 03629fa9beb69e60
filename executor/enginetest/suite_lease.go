package enginetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor"
)

// leased gives a job a lease that is over so long after somebody asked for it first, until it is moved.
func leased(spec *executor.RoomSpec, long time.Duration) (move func(time.Duration)) {
	var mu sync.Mutex
	until := time.Duration(0)
	spec.Lease = func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if until == 0 {
			until = executor.LeaseTime() + long
		}
		return until
	}
	return func(long time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		until = executor.LeaseTime() + long
	}
}

func testLeaseOver(t *testing.T, s Subject) {
	spec := Script(s.Image, "trap '' TERM; echo one; sleep 60")
	leased(&spec, 2*time.Second)
	st := begin(t, s, spec, 4)
	if a := <-st.done; !errors.Is(a.err, executor.ErrFenced) || st.spool.Text() != "one\n" {
		t.Errorf("Run answers %+v, %v", a.exit, a.err)
	}
	spool := NewSpool(t)
	if exit, err := st.room.Run(t.Context(), only(spec), spool.Output()); !errors.Is(err, executor.ErrFenced) || spool.Text() != "" {
		t.Errorf("after its end: %+v, %v; log %q", exit, err, spool.Text())
	}
}

// Without an agent the lease ends the process just as well.
func testLeaseLeft(t *testing.T, s Subject) {
	spec := Script(s.Image, "echo one; while true; do sleep 0.05; echo more; done")
	leased(&spec, 2*time.Second)
	st := begin(t, s, spec, 4)
	next := st.leave()
	length := func() int { return len(st.spool.Text()) }
	before := length()
	for still := 0; still < 10; still++ { // until nothing came for half a second
		time.Sleep(50 * time.Millisecond)
		if now := length(); now > before {
			before, still = now, 0
		}
	}
	exit, err := st.rejoin(adopt(t, s, next))
	if !errors.Is(err, executor.ErrFenced) || exit.LogBytes != int64(before) {
		t.Errorf("Rejoin answers %+v, %v; %d bytes", exit, err, before)
	}
}

func testLeaseRenewed(t *testing.T, s Subject) {
	spec := Script(s.Image, "echo one; sleep 4; echo two")
	move := leased(&spec, 2*time.Second)
	st := begin(t, s, spec, 4)
	move(3 * time.Second)
	st.room.Renew()
	next := st.leaveAfter(500 * time.Millisecond)
	move(time.Minute)
	exit, err := st.rejoin(adopt(t, s, next)) // which renews it
	if err != nil || exit.Code != 0 || st.spool.Text() != "one\ntwo\n" {
		t.Errorf("exit %+v, %v; log %q", exit, err, st.spool.Text())
	}
}

// leaveAfter is leave after some time, for what was said to arrive.
func (st *stage) leaveAfter(long time.Duration) executor.RoomSpec {
	time.Sleep(long)
	return st.leave()
}
