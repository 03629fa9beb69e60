//go:build linux

package caged

import (
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func limitAddressSpace() error {
	if raceEnabled {
		return nil // the race detector maps terabytes
	}
	limit := unix.Rlimit{Cur: hardBytes, Max: hardBytes}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &limit); err != nil {
		return fmt.Errorf("limiting the compiler's memory: %w", err)
	}
	return nil
}

// limitCPU gives this process cpuTime from now on. Unlike the parent's clock, it does not run while a busy host lets this
// process wait.
func limitCPU() error {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return fmt.Errorf("limiting the compiler's time: %w", err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CPU, &limit); err != nil {
		return fmt.Errorf("limiting the compiler's time: %w", err)
	}
	limit.Cur = min(uint64(used.Utime.Sec+used.Stime.Sec)+cpuTime, limit.Max)
	if err := unix.Setrlimit(unix.RLIMIT_CPU, &limit); err != nil {
		return fmt.Errorf("limiting the compiler's time: %w", err)
	}
	return nil
}

// cpuExceeded tells of the limit that limitCPU sets. Go ignores the signal unless it is asked for.
func cpuExceeded() (exceeded <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGXCPU)
	return signals, func() { signal.Stop(signals) }
}
