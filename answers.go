package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/tutti-ci/tutti/server"
)

// answers decides the approvals of a local run, for whoever started it. It hears of them as a view of the run that passes all on to another.
type answers struct {
	view
	run    server.RunID
	decide func(ctx context.Context, run server.RunID, job string, d server.Decision) error
	// approved are the names that --approve gave; "all" is every approval.
	approved []string
	// ask puts a question to the person at the terminal; nil where there is none.
	ask func(ctx context.Context, text string) (yes bool, err error)
	// failed is told what kept an answer from being given.
	failed func(err error)

	ctx    context.Context // ends the questions: the run may go on for a while after an interrupt
	asked  map[string]bool
	asking sync.Mutex // one question at a time
	work   sync.WaitGroup
}

// Jobs answers what waits for an answer.
func (a *answers) Jobs(jobs []server.Job) {
	a.view.Jobs(jobs)
	for _, j := range jobs {
		if asks(j) && !a.asked[j.Name] {
			a.asked[j.Name] = true
			a.work.Go(func() { a.answer(j) })
		}
	}
}

// follow follows a run, and decides its approvals. Without answers, they are left to others.
func (a *answers) follow(ctx context.Context, src source, id server.RunID, v view) (server.Run, error) {
	if a == nil {
		return follow(ctx, src, id, v)
	}
	var stop context.CancelFunc
	a.ctx, stop = context.WithCancel(a.ctx)
	a.view, a.run = v, id
	run, err := follow(ctx, src, id, a)
	stop()
	a.work.Wait()
	return run, err
}

func (a *answers) answer(j server.Job) {
	d := server.Decision{By: cmp.Or(os.Getenv("USER"), "you")}
	switch {
	case slices.Contains(a.approved, j.Name) || slices.Contains(a.approved, "all"):
		d.Approve, d.Comment = true, "--approve"
	case a.ask == nil:
		d.By, d.Comment = "tutti run", fmt.Sprintf("there is no terminal to ask at; start the run with --approve %s", j.Name)
	default:
		a.asking.Lock()
		yes, err := a.ask(a.ctx, j.Name+" "+question(j))
		a.asking.Unlock()
		if a.ctx.Err() != nil {
			return // the run is over, or about to be
		}
		if err != nil {
			d.By, d.Comment = "tutti run", fmt.Sprintf("asking at the terminal failed: %v", err)
		}
		d.Approve = yes
	}
	// Another answer, or the end of the run, may have been quicker.
	if err := a.decide(a.ctx, a.run, j.Name, d); err != nil && server.KindOf(err) != server.Conflict && a.ctx.Err() == nil {
		a.failed(fmt.Errorf("answering approval %s: %w", j.Name, err))
	}
}
