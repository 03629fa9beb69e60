//go:build linux

package pid1

import (
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// leaseLook bounds how late the end of a lease is noticed when the host slept: its timers slept as well.
const leaseLook = time.Second

// A lease is until when a process may run. A nil lease is for ever.
type lease struct {
	now func() time.Duration // a clock that goes on while the host sleeps

	mu    sync.Mutex // guards until
	until time.Duration
}

func newLease(now func() time.Duration, until time.Duration) *lease {
	return &lease{now: now, until: until}
}

// renew makes the lease longer, never shorter: whoever stated the longer one keeps his word.
func (l *lease) renew(until time.Duration) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = max(l.until, until)
}

func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until - l.now()
}

func (l *lease) over() bool { return l != nil && l.left() <= 0 }

// wait waits until the lease is over, or for stop, and says which.
func (l *lease) wait(stop <-chan struct{}) (over bool) {
	if l == nil {
		<-stop
		return false
	}
	for {
		left := l.left()
		if left <= 0 {
			return true
		}
		select {
		case <-time.After(min(left, leaseLook)):
		case <-stop:
			return false
		}
	}
}

// boottime reads CLOCK_BOOTTIME, which is the same in all containers of a host.
func boottime() time.Duration {
	const clockBoottime = 7
	var now syscall.Timespec
	// It is there since Linux 2.6.39, and a container cannot be started without what reads clocks.
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&now)), 0)
	return time.Duration(now.Nano())
}
