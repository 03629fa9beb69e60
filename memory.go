package main

import (
	"log/slog"
	"runtime/debug"
	"time"
)

// freeAfterStart gives the memory that only the start needed back to the machine, some moments later: many megabytes, which the
// runtime and the kernel by themselves would keep for minutes, or for ever.
func freeAfterStart(log *slog.Logger) *time.Timer {
	return time.AfterFunc(startTime, func() {
		debug.FreeOSMemory()
		if err := forgetProgram(); err != nil {
			log.Debug("memory of the start stays", "error", err)
		}
	})
}

// startTime is how long a process takes at most until it does what it will do all day.
const startTime = 3 * time.Second
