//go:build failpoints

package main

import (
	"os"
	"strings"
	"time"
)

// wall reads the name of a file from TUTTI_CLOCK. The clock that it answers is off by what the file says ("-24h0m0s"), and jumps
// when that changes, as if somebody had set the machine's clock.
func wall() func() time.Time {
	file := os.Getenv("TUTTI_CLOCK")
	if file == "" {
		return time.Now
	}
	return func() time.Time {
		text, err := os.ReadFile(file)
		if err != nil {
			return time.Now()
		}
		off, err := time.ParseDuration(strings.TrimSpace(string(text)))
		if err != nil {
			return time.Now()
		}
		return time.Now().Round(0).Add(off) // without the steady part, which would not jump
	}
}
