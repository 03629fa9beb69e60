//go:build linux

// Command tutti-shim is PID 1 in the container of an activity. It is started by the agent's engine only, and takes no
// arguments; see package shim for the conversation that it holds, and package pid1 for what it does.
package main

import (
	"fmt"
	"os"

	"github.com/tutti-ci/tutti/executor/shim"
	"github.com/tutti-ci/tutti/executor/shim/pid1"
)

func main() {
	s := pid1.Shim{Socket: shim.SocketPath, Scripts: shim.ScriptDir}
	if err := s.Serve(); err != nil {
		fmt.Fprintln(os.Stderr, "tutti-shim:", err)
		os.Exit(1)
	}
}
