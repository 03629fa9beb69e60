//go:build failpoints

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// trap reads TUTTI_FAILPOINTS, as in "agent.after_create=2*off->kill9;store.before_commit=error": at the named point an action
// is done, after it was passed some times, once. The actions are kill9 (of this process), sigstop, error, panic, and
// delay(1s).
func trap() func(point string) error {
	text := os.Getenv("TUTTI_FAILPOINTS")
	if text == "" {
		return nil
	}
	traps := make(map[string]*failpoint)
	for _, each := range strings.Split(text, ";") {
		name, action, _ := strings.Cut(each, "=")
		traps[name] = newFailpoint(action)
	}
	return func(point string) error {
		if f := traps[point]; f != nil {
			return f.pass(point)
		}
		return nil
	}
}

// A failpoint is armed at one point.
type failpoint struct {
	action string
	mu     sync.Mutex // guards off
	off    int        // passes before it acts; negative once it did
}

func newFailpoint(text string) *failpoint {
	count, action, counted := strings.Cut(text, "*off->")
	if !counted {
		return &failpoint{action: text}
	}
	off, err := strconv.Atoi(count)
	if err != nil {
		fmt.Fprintf(os.Stderr, "tutti: TUTTI_FAILPOINTS: %q is no number of passes\n", count)
		os.Exit(2)
	}
	return &failpoint{action: action, off: off}
}

func (f *failpoint) pass(point string) error {
	f.mu.Lock()
	f.off--
	acts := f.off == -1
	f.mu.Unlock()
	if !acts {
		return nil
	}
	fmt.Fprintf(os.Stderr, "tutti: failpoint %s: %s\n", point, f.action)
	return f.act(point)
}

func (f *failpoint) act(point string) error {
	delay, isDelay := strings.CutPrefix(f.action, "delay(")
	switch {
	case f.action == "kill9":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case f.action == "sigstop":
		return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case f.action == "error":
		return errors.New("failpoint " + point)
	case f.action == "panic":
		panic("failpoint " + point)
	case isDelay:
		d, err := time.ParseDuration(strings.TrimSuffix(delay, ")"))
		time.Sleep(d)
		return err
	}
	return fmt.Errorf("failpoint %s: there is no action %q", point, f.action)
}
