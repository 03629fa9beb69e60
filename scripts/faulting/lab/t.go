// Package lab is where faults happen: real Tutti processes, real Docker, a real repository, and the means to hurt each of them.
//
// It owns the processes, folders, proxies, disks and namespaces that a fault needs, gives each fault its own, and takes all of it
// back at the end. It judges only by the oracle, by Docker and by the kernel; it knows no fault.
package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/oracle"
)

// An Env is what all faults share.
type Env struct {
	Tutti   string  // the binary, built with the failpoints
	Shared  *Engine // this machine's, which no fault may hurt
	Witness string  // the program of the containers
	Busybox string  // a static busybox
	Dir     string  // where each fault gets a folder
	Watch   *oracle.Watch
	Seed    uint64
	Verbose bool
	Ports   *atomic.Int64 // counts the ports that were given away
}

// A T is one fault under way. Its methods that end it end its goroutine, as those of testing.T do.
type T struct {
	Env
	Ctx  context.Context // ends at the fault's deadline
	Name string
	Dir  string // the fault's folder; kept if it fails
	Rand *rand.Rand

	began    time.Time
	labs     int        // that were opened
	mu       sync.Mutex // guards what follows
	timeline []string
	failures []string
	skipped  string
	ends     []func()
	logs     []string // files whose tails tell what happened
}

// A Verdict is what came of a fault.
type Verdict struct {
	Failures []string // none if it passed
	Skipped  string   // why it could not be tried here, if so
	Took     time.Duration
	Timeline []string
	Tails    []string // of the logs of the processes
	Dir      string   // what is left to look at, if it failed
}

// Passed says whether the fault was tried and all came out as expected.
func (v Verdict) Passed() bool { return len(v.Failures) == 0 && v.Skipped == "" }

// Try runs a fault to its end, within its limit.
func (e Env) Try(ctx context.Context, name string, limit time.Duration, fault func(t *T)) Verdict {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := &T{Env: e, Ctx: ctx, Name: name, Dir: filepath.Join(e.Dir, name), began: time.Now()}
	sum := e.Seed
	for _, b := range []byte(name) {
		sum = sum*31 + uint64(b)
	}
	t.Rand = rand.New(rand.NewPCG(e.Seed, sum))
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.run(fault)
	}()
	<-done
	return t.verdict()
}

// run calls the fault, and what it deferred, whatever happens.
func (t *T) run(fault func(t *T)) {
	defer func() {
		for {
			t.mu.Lock()
			if len(t.ends) == 0 {
				t.mu.Unlock()
				return
			}
			last := t.ends[len(t.ends)-1]
			t.ends = t.ends[:len(t.ends)-1]
			t.mu.Unlock()
			finish := make(chan struct{})
			go func() { // an end that fails ends only itself
				defer close(finish)
				last()
			}()
			<-finish
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("the harness broke: %v\n%s", r, debug.Stack())
		}
	}()
	if err := os.MkdirAll(filepath.Join(t.Dir, "tmp"), 0o755); err != nil {
		t.Fatalf("making its folder: %v", err)
	}
	fault(t)
}

func (t *T) verdict() Verdict {
	v := Verdict{Failures: t.failures, Skipped: t.skipped, Took: time.Since(t.began), Timeline: t.timeline, Dir: t.Dir}
	if len(t.failures) == 0 {
		if err := os.RemoveAll(t.Dir); err != nil {
			v.Failures = []string{fmt.Sprintf("removing its folder: %v", err)}
		}
		return v
	}
	for _, log := range t.logs {
		v.Tails = append(v.Tails, filepath.Base(log)+":\n"+tail(log, 20))
	}
	return v
}

// tail answers the last lines of a file.
func tail(file string, lines int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Logf notes in the timeline what happens.
func (t *T) Logf(format string, args ...any) {
	text := fmt.Sprintf("%7.2fs  ", time.Since(t.began).Seconds()) + fmt.Sprintf(format, args...)
	t.mu.Lock()
	t.timeline = append(t.timeline, text)
	if len(t.timeline) > 2*longest {
		t.timeline = append([]string{"..."}, t.timeline[longest:]...)
	}
	t.mu.Unlock()
	if t.Verbose {
		fmt.Fprintf(os.Stderr, "%s %s\n", t.Name, text)
	}
}

// longest is how many lines of a timeline are kept at least.
const longest = 1000

// Errorf notes a failure, and goes on.
func (t *T) Errorf(format string, args ...any) {
	t.Logf("FAILED: "+format, args...)
	t.mu.Lock()
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
	t.mu.Unlock()
}

// Fatalf notes a failure, and ends the fault.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

// Skipf ends a fault that cannot be tried on this machine.
func (t *T) Skipf(format string, args ...any) {
	t.mu.Lock()
	t.skipped = fmt.Sprintf(format, args...)
	t.mu.Unlock()
	t.Logf("skipped: "+format, args...)
	runtime.Goexit()
}

// Must ends the fault if there is an error.
func (t *T) Must(err error, doing string, args ...any) {
	if err != nil {
		t.Fatalf("%s: %v", fmt.Sprintf(doing, args...), err)
	}
}

// Check notes an error as a failure, and goes on.
func (t *T) Check(err error, what string, args ...any) {
	if err != nil {
		t.Errorf("%s: %v", fmt.Sprintf(what, args...), err)
	}
}

// Defer calls f when the fault ends, however it ends; the last one first.
func (t *T) Defer(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ends = append(t.ends, f)
}

// Failing says whether a failure was noted.
func (t *T) Failing() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.failures) > 0
}

// Sleep waits, or ends the fault at its deadline.
func (t *T) Sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Ctx.Done():
		t.Fatalf("the deadline came while it waited")
	}
}

// Until asks until the answer is yes; it ends the fault if that takes longer than the limit.
func (t *T) Until(what string, limit time.Duration, yes func() bool) {
	t.Logf("%s (after %s)", what, t.await(what, limit, yes).Round(10*time.Millisecond))
}

// await is Until without a word, and answers how long it took.
func (t *T) await(what string, limit time.Duration, yes func() bool) time.Duration {
	began := time.Now()
	for !yes() {
		switch {
		case t.Ctx.Err() != nil:
			t.Fatalf("the deadline came while it waited: %s", what)
		case time.Since(began) > limit:
			t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(began)
}

// limited is a context for what has to be done also after the deadline.
func (t *T) limited(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.Ctx), d)
}
