//go:build !linux

package executor

import "golang.org/x/sys/unix"

// leaseClock goes on while the host sleeps.
const leaseClock = unix.CLOCK_MONOTONIC
