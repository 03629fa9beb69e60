package executor

import (
	"time"

	"golang.org/x/sys/unix"
)

// LeaseTime answers the time on the clock of RoomSpec.Lease.
func LeaseTime() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(leaseClock, &now) // of a clock that is there it cannot fail
	return time.Duration(now.Nano())
}
