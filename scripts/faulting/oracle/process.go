package oracle

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Program is what the witness program is called in a container, and in the list of processes of the host.
const Program = "/lines"

// A Process is one that ran the witness program.
type Process struct {
	Tag   string
	PID   int
	Began time.Time // by the kernel
	Seen  time.Time // when it was last seen alive
	// Wrote is how many bytes it had written by then, by the kernel.
	Wrote int64
}

func (p Process) String() string {
	return fmt.Sprintf("%d of %s from %s to %s, %d bytes", p.PID, p.Tag, p.Began.Format("15:04:05.00"), p.Seen.Format("15:04:05.00"), p.Wrote)
}

// A Watch looks at the processes of this host all the time and remembers those that ran the witness program: also in
// containers, whatever engine made them. It needs to be root for what others run.
type Watch struct {
	mu    sync.Mutex // guards all below
	seen  map[string]*Process
	boot  time.Time
	since time.Time // when it began to look
}

// interval is how often it looks. A process that lives shorter may be missed; its log has its name.
const interval = 50 * time.Millisecond

// Run looks until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	w.mu.Lock()
	w.seen, w.since = make(map[string]*Process), time.Now()
	w.boot = w.since.Add(-uptime())
	w.mu.Unlock()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		w.look()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *Watch) look() {
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return // the pattern is right
	}
	for _, name := range names {
		// What ends while it is looked at cannot be read, and has been seen before.
		line, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(line, []byte(Program+"\x00")) {
			continue
		}
		w.note(filepath.Dir(name), strings.Split(string(line), "\x00"))
	}
}

func (w *Watch) note(folder string, args []string) {
	at := slices.Index(args, "-tag")
	began, ok := beginning(folder)
	if at < 0 || at+1 >= len(args) || !ok {
		return
	}
	pid, _ := strconv.Atoi(filepath.Base(folder)) // a number, by the pattern
	key := fmt.Sprint(pid, " ", began)
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.seen[key]
	if p == nil && w.boot.Add(began).Before(w.since) {
		return // another harness's, or what one left
	}
	if p == nil {
		p = &Process{Tag: args[at+1], PID: pid, Began: w.boot.Add(began)}
		w.seen[key] = p
	}
	p.Seen = time.Now()
	p.Wrote = max(p.Wrote, written(folder))
}

// beginning reads from /proc/PID/stat how long after the boot a process began. A zombie does not count.
func beginning(folder string) (time.Duration, bool) {
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return 0, false
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	return time.Duration(ticks) * time.Second / 100, err == nil
}

// written reads from /proc/PID/io how many bytes a process has written.
func written(folder string) int64 {
	text, err := os.ReadFile(filepath.Join(folder, "io"))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, _ := strconv.ParseInt(value, 10, 64) // 0 if the kernel says something else
			return n
		}
	}
	return 0
}

func uptime() time.Duration {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	seconds, _, _ := strings.Cut(string(text), " ")
	f, _ := strconv.ParseFloat(seconds, 64) // the kernel's form
	return time.Duration(f * float64(time.Second))
}

// Of answers the processes of a tag, the first to begin first.
func (w *Watch) Of(tag string) []Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Process
	for _, p := range w.seen {
		if p.Tag == tag {
			all = append(all, *p)
		}
	}
	slices.SortFunc(all, func(a, b Process) int { return a.Began.Compare(b.Began) })
	return all
}

// Forget forgets the processes of a tag.
func (w *Watch) Forget(tag string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.seen, func(_ string, p *Process) bool { return p.Tag == tag })
}

// Alive answers the processes whose tag begins so and that live now.
func (w *Watch) Alive(prefix string) []Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Process
	for _, p := range w.seen {
		if !strings.HasPrefix(p.Tag, prefix) || time.Since(p.Seen) > time.Minute {
			continue
		}
		if began, ok := beginning(fmt.Sprintf("/proc/%d", p.PID)); ok && w.boot.Add(began).Equal(p.Began) {
			all = append(all, *p)
		}
	}
	return all
}

// Apart answers an error if two of the processes lived at the same time.
func Apart(all []Process) error {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Process) int { return a.Began.Compare(b.Began) })
	for i := 1; i < len(all); i++ {
		if before := all[i-1]; all[i].Began.Before(before.Seen) {
			return fmt.Errorf("process %d of %s began %s before process %d was last seen alive", all[i].PID, all[i].Tag, before.Seen.Sub(all[i].Began), before.PID)
		}
	}
	return nil
}
