package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// terminalView writes a run for a person at a terminal: every line behind the job and activity that it is of, and below
// them one line that says what runs and for how long.
type terminalView struct {
	out   io.Writer
	width func() int // columns of the terminal
	now   func() time.Time

	mu      sync.Mutex // guards the fields below and writes to out
	began   time.Time
	nodes   nodes
	running []string          // titles of activities, in the order of their start
	waiting map[string]string // what the run, whose key is "", and its jobs wait for
	prefix  int               // width of the widest prefix so far
	frame   int
	shown   bool // the progress line is on the screen
}

func newTerminalView(out io.Writer, width func() int, now func() time.Time) *terminalView {
	return &terminalView{out: out, width: width, now: now, began: now(), nodes: newNodes(), waiting: map[string]string{}}
}

const (
	spinner       = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
	spinnerPeriod = 100 * time.Millisecond
	eraseLine     = "\r\x1b[K"
	dim, reset    = "\x1b[2m", "\x1b[0m"
)

// colours are what jobs are told apart by; red is kept for failures.
var colours = [...]string{"\x1b[36m", "\x1b[35m", "\x1b[34m", "\x1b[33m", "\x1b[32m"}

// Tick moves the spinner; the owner of the view calls it every spinnerPeriod.
func (v *terminalView) Tick() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.frame++
	v.progress()
}

// Finish takes the progress line away.
func (v *terminalView) Finish() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.erase()
}

// Ask asks a question and waits for a yes or a no. Nothing else is written meanwhile.
func (v *terminalView) Ask(ctx context.Context, text string) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.erase()
	fmt.Fprintf(v.out, "%s [y/n] ", text)
	return readYes(ctx, v.out)
}

func (v *terminalView) Jobs(jobs []server.Job) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.nodes.learn(jobs)
}

func (v *terminalView) Changed(ch server.Change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch ch.Kind {
	case "activity":
		v.activityChanged(ch)
	default:
		v.jobChanged(ch)
	}
	v.progress()
}

func (v *terminalView) activityChanged(ch server.Change) {
	name := v.nodes.title(ch.Job, ch.Activity)
	v.running = slices.DeleteFunc(v.running, func(n string) bool { return n == name })
	if ch.State == plan.Running {
		v.running = append(v.running, name)
	}
	if ch.State == plan.Done && ch.Result != plan.Passed && !v.skipped(ch.Job) {
		v.line(ch.Job, name, []byte(verdict(ch.Result, ch.Cause, true)))
	}
}

// skipped says whether a whole job is: one line is enough for it.
func (v *terminalView) skipped(job string) bool { return v.nodes.jobs[job].Result == plan.Skipped }

// jobChanged takes note of a change of a job, or of the run.
func (v *terminalView) jobChanged(ch server.Change) {
	delete(v.waiting, ch.Job)
	asked := asks(v.nodes.jobs[ch.Job])
	switch {
	case ch.State == plan.Queued:
		v.waiting[ch.Job] = strings.TrimSuffix("waiting to start "+v.nodes.title(ch.Job, "")+": "+ch.WaitsFor, ": ")
	case ch.State == plan.Waiting && asked:
		v.waiting[ch.Job] = "waiting for the approval " + ch.Job
	case ch.State == plan.Waiting && ch.Kind == "run" && ch.WaitsFor != "":
		v.waiting[ch.Job] = "waiting for " + ch.WaitsFor
	}
	if text := v.nodes.news(ch); text != "" && !(asked && v.nodes.local) { // which Ask says
		v.line(ch.Job, v.nodes.title(ch.Job, ""), []byte(colourful(ch.Result, text)))
	}
}

func (v *terminalView) Log(job, activity string, attempt int) io.WriteCloser {
	v.mu.Lock()
	defer v.mu.Unlock()
	name := v.nodes.logTitle(job, activity, attempt)
	v.prefix = max(v.prefix, utf8.RuneCountInString(name))
	return &terminalLog{view: v, job: job, name: name}
}

// line writes one line of what has that name above the progress line.
func (v *terminalView) line(job, name string, text []byte) {
	v.erase()
	pad := strings.Repeat(" ", max(0, v.prefix-utf8.RuneCountInString(name)))
	fmt.Fprintf(v.out, "%s%s%s%s │ %s%s\n", colourOf(job), name, reset, pad, text, reset)
}

// progress paints the last line of the screen anew.
func (v *terminalView) progress() {
	frames := []rune(spinner)
	what := strings.Join(v.running, ", ")
	if what == "" {
		what = "waiting"
		for _, job := range slices.Sorted(maps.Keys(v.waiting)) {
			what = v.waiting[job]
		}
	}
	text := fmt.Sprintf("%c %s %s", frames[v.frame%len(frames)], v.now().Sub(v.began).Truncate(time.Second), what)
	if limit := v.width() - 1; limit > 0 && utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit])
	}
	fmt.Fprint(v.out, eraseLine, dim, text, reset)
	v.shown = true
}

func (v *terminalView) erase() {
	if v.shown {
		fmt.Fprint(v.out, eraseLine)
		v.shown = false
	}
}

// A terminalLog cuts the bytes of an activity into lines.
type terminalLog struct {
	view      *terminalView
	job, name string
	rest      []byte // of a line that has no end yet
}

// longestLine is where a line without an end is cut for display.
const longestLine = 16 << 10

func (l *terminalLog) Write(p []byte) (int, error) {
	l.view.mu.Lock()
	defer l.view.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) < longestLine {
			break
		}
		end := i + 1
		if i < 0 {
			i, end = longestLine, longestLine
		}
		l.view.line(l.job, l.name, printable(l.rest[:i]))
		l.rest = l.rest[end:]
	}
	l.rest = slices.Clone(l.rest) // let go of what was printed
	l.view.progress()
	return len(p), nil
}

func (l *terminalLog) Close() error {
	l.view.mu.Lock()
	defer l.view.mu.Unlock()
	if len(l.rest) > 0 {
		l.view.line(l.job, l.name, printable(l.rest))
		l.rest = nil
	}
	return nil
}

// control finds what would move the cursor or change the terminal of whoever reads a log: every escape sequence and
// control character but colours and tabs.
var control = regexp.MustCompile(`\x1b\[[0-9;:]*m|\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)?|[\x00-\x08\x0b-\x1f\x7f]`)

// printable is what a terminal would show of a line: carriage returns overwrite what was before them, and nothing but
// colours takes effect.
func printable(line []byte) []byte {
	line = bytes.TrimRight(line, "\r")
	line = line[bytes.LastIndexByte(line, '\r')+1:]
	return control.ReplaceAllFunc(line, func(seq []byte) []byte {
		if seq[0] == 0x1b && seq[len(seq)-1] == 'm' && len(seq) > 1 && seq[1] == '[' {
			return seq
		}
		return nil
	})
}

// colourOf gives a job the same colour in every run.
func colourOf(job string) string {
	sum := 0
	for _, b := range []byte(job) {
		sum = sum*31 + int(b)
	}
	return colours[uint(sum)%uint(len(colours))]
}
