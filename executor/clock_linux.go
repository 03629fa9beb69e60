package executor

import "golang.org/x/sys/unix"

// leaseClock goes on while the host sleeps, and is the same in all containers.
const leaseClock = unix.CLOCK_BOOTTIME
