package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// plainView writes a run for a file or a pipe: the log of one activity after the other, each whole, byte for byte, under a
// line that names it. The activity that started first is shown live; logs of others that run beside it wait for their
// turn, in memory up to spoolLimit each, after which their reader is held back (the server keeps the bytes).
type plainView struct {
	out io.Writer

	mu    sync.Mutex // guards the fields below and writes to out
	turn  *sync.Cond // a log's turn has come, or it has room again
	order []*plainLog
	nodes nodes
	later []string // lines to print between two logs
}

// spoolLimit is how many bytes of a log wait in memory for their turn.
const spoolLimit = 1 << 20

func newPlainView(out io.Writer) *plainView {
	v := &plainView{out: out, nodes: newNodes()}
	v.turn = sync.NewCond(&v.mu)
	return v
}

func (v *plainView) Jobs(jobs []server.Job) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.nodes.learn(jobs)
}

func (v *plainView) Changed(ch server.Change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	text := v.nodes.news(ch)
	if text != "" {
		text = v.nodes.title(ch.Job, "") + ": " + text
	} else if ch.Kind == "run" && ch.State == plan.Waiting && ch.WaitsFor != "" {
		text = "waiting for " + ch.WaitsFor
	}
	if text != "" {
		v.later = append(v.later, text)
	}
	if len(v.order) == 0 {
		v.between()
	}
}

// between prints what has come up while a log was being printed.
func (v *plainView) between() {
	for _, text := range v.later {
		fmt.Fprintf(v.out, "==> %s\n", text)
	}
	v.later = nil
}

func (v *plainView) Log(job, activity string, attempt int) io.WriteCloser {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := &plainLog{view: v, title: v.nodes.logTitle(job, activity, attempt)}
	v.order = append(v.order, l)
	if len(v.order) == 1 {
		l.begin()
	}
	return l
}

// A plainLog is the log of one activity in a plainView.
type plainLog struct {
	view  *plainView
	title string

	// guarded by view.mu
	waiting bytes.Buffer
	done    bool
	midline bool // the last byte that was written is no line break
}

func (l *plainLog) Write(p []byte) (int, error) {
	v := l.view
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.order[0] != l && l.waiting.Len() >= spoolLimit {
		v.turn.Wait()
	}
	if v.order[0] != l {
		return l.waiting.Write(p)
	}
	return l.print(p)
}

func (l *plainLog) Close() error {
	v := l.view
	v.mu.Lock()
	defer v.mu.Unlock()
	l.done = true
	for len(v.order) > 0 && v.order[0].done {
		v.order[0].end()
		v.order = v.order[1:]
		v.between()
		if len(v.order) > 0 {
			v.order[0].begin()
		}
	}
	v.turn.Broadcast()
	return nil
}

func (l *plainLog) begin() {
	fmt.Fprintf(l.view.out, "==> %s\n", l.title)
	// What cannot be written is found again by the next write, which has somebody to tell.
	_, _ = l.print(l.waiting.Bytes())
	l.waiting = bytes.Buffer{}
}

func (l *plainLog) end() {
	if l.midline {
		fmt.Fprintln(l.view.out)
	}
}

func (l *plainLog) print(p []byte) (int, error) {
	if len(p) > 0 {
		l.midline = p[len(p)-1] != '\n'
	}
	return l.view.out.Write(p)
}
