package agent

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// Why jobs of the process before this one end as lost.
var (
	errRebooted = errors.New("the host was rebooted while it ran")
	errDamaged  = errors.New("the agent's journal was damaged, and does not tell what ran of it")
)

// revisionGap is added to the last revision that the journal holds, because the server may have seen some that a power
// loss took from it.
const revisionGap = 1 << 20

// damagedGap is more than all that a damaged journal may have lost.
const damagedGap = 1 << 40

// A heritage is a job that the process before this one left, with what has to be done about it.
type heritage struct {
	j    *job
	in   contexts
	left entry
	way  protocol.Way
	lost string // why it cannot go on, if it cannot
	runs bool   // something of it may still run
}

// resumeAll takes up the jobs that the process before left. It answers the rooms that have to stay for them.
func (w *worker) resumeAll(ctx context.Context) (rooms []executor.RoomSpec) {
	w.left = append(w.left, w.unknown()...)
	var claims []wire.Claim
	for _, e := range w.left {
		h := w.inherit(ctx, e)
		claims = append(claims, h.j.claim)
		if h.way == protocol.Conclude || h.lost != "" {
			w.running.Go(h.lose)
			continue
		}
		spec := h.spec()
		rooms = append(rooms, spec)
		w.running.Go(func() { h.goOn(spec) })
	}
	if err := errors.Join(keepOnly(w.spool.dir, claims), w.vault.keepOnly(claims)); err != nil {
		w.log.Error("the agent's folders hold what they should not", "error", err)
	}
	return rooms
}

// unknown answers the jobs of which something ran, but which the journal does not know.
func (w *worker) unknown() (found []entry) {
	claims, err := w.spool.begun()
	if err != nil {
		w.log.Error("the spool cannot be read", "error", err)
	}
	for _, c := range claims {
		if slices.ContainsFunc(w.left, func(e entry) bool { return e.Offer.Claim == c }) {
			continue
		}
		w.log.Error("the agent's journal lost a job of which something ran; it ends as lost", "run", c.Run, "job", c.Job, "epoch", c.Epoch)
		found = append(found, entry{Offer: wire.Offer{Claim: c}, Damaged: true})
	}
	return found
}

// inherit makes a job again of what is left of it.
func (w *worker) inherit(ctx context.Context, e entry) heritage {
	var p plan.Job
	planErr := json.Unmarshal(e.Offer.Plan, &p)
	j, in := w.newJob(ctx, e.Offer, p)
	h := heritage{j: j, in: in, left: e}
	_, over := e.outcome()
	noted := protocol.Noted{
		Started: e.Start != nil, Begun: len(e.tickets()) > 0, Result: over,
		Rebooted: e.Start != nil && e.Start.Boot != w.boot,
	}
	if e.Report.Revision > 0 {
		j.report = e.Report
		j.recollect(&j.report)
	}
	missing := j.withheld(j.report)
	if missing != "" {
		missing = "the agent was restarted before it could hand over " + missing
	}
	switch {
	case noted.Result && !e.Damaged:
		h.lost = missing
	case noted.Rebooted:
		h.lost = errRebooted.Error()
	case e.Damaged, planErr != nil, w.knowsLess(e):
		h.lost, h.runs = errDamaged.Error(), true
	case missing != "":
		h.lost, h.runs = missing, noted.Begun
	}
	if h.runs { // whatever the journal says: a server must not believe that it never ran
		noted.Started, noted.Begun = true, true
	}
	h.way, j.hold = protocol.Resume(noted)
	if h.way != protocol.Wait {
		j.begin()
		j.report.Phase = wire.PhaseRunning // also of one that ended, until its logs are there
	}
	j.report.Result = ""
	j.report.Revision += revisionGap
	if h.left.Damaged {
		j.report.Revision += damagedGap
	}
	if len(j.report.Activities) == 0 { // no plan and no report: its logs tell the names
		names, err := j.spool.with(j.claim, logSuffix)
		if err != nil {
			j.log().Error("the spool cannot be read", "error", err)
		}
		for _, name := range names {
			j.report.Activities = append(j.report.Activities, wire.ActivityReport{Name: name, State: plan.Running})
		}
	}
	h.noteTakeover()
	w.mu.Lock()
	w.jobs[j.claim] = j
	w.mu.Unlock()
	return h
}

// noteTakeover makes sure that no revision of the report is said twice, however often the agent and its host are started again.
func (h heritage) noteTakeover() {
	j := h.j
	noted := j.forDisk(j.report)
	if h.left.Report.Revision > 0 {
		noted.Phase, noted.Result = h.left.Report.Phase, h.left.Report.Result
	}
	recs := []record{{Report: &noted, synced: true}}
	if h.left.Damaged { // the journal may not even know it
		recs = []record{{Hold: &j.offer}, {Damaged: &j.claim}, recs[0]}
	}
	for _, rec := range recs {
		if err := j.w.journal.attempt(rec); err != nil {
			j.log().Error("the journal cannot be written", "error", err)
		}
	}
}

// knowsLess says whether the journal lost tickets that lie beside the logs.
func (w *worker) knowsLess(e entry) bool {
	noted, err := w.spool.tickets(e.Offer.Claim)
	if err != nil {
		w.log.Error("the spool cannot be read", "error", err)
	}
	known := e.tickets()
	return slices.ContainsFunc(noted, func(t executor.Ticket) bool { return !slices.Contains(known, t) })
}

// spec says which room has to be there.
func (h heritage) spec() executor.RoomSpec {
	spec := h.j.spec()
	spec.Tickets = h.left.tickets()
	return spec
}

// resume says how far the job had come.
func (h heritage) resume() *executor.Resume {
	now := h.j.w.boottime()
	from := &executor.Resume{Elapsed: max(0, now-h.left.Start.At)}
	for _, a := range h.j.report.Activities {
		switch a.State {
		case plan.Done:
			from.Ended = append(from.Ended, executor.EndedActivity{Name: a.Name, Outcome: outcomeOf(a)})
		case plan.Running:
			from.Running = &executor.Running{Activity: a.Name}
			for _, g := range h.left.Going {
				if g.Activity == a.Name {
					from.Running.Progress, from.Running.Elapsed = &g.Progress, max(0, now-g.At)
				}
			}
		}
	}
	return from
}

// outcomeOf makes an outcome again of what was reported.
func outcomeOf(a wire.ActivityReport) executor.Outcome {
	o := executor.Outcome{Result: a.Result, Cause: a.Cause, Outputs: a.Outputs}
	for _, t := range a.Tries {
		o.Tries = append(o.Tries, executor.Try{Cause: t.Cause, LogEnd: t.LogEnd})
	}
	return o
}

// tickets answers those of the processes that began, or were about to, the newest last.
func (e entry) tickets() (tickets []executor.Ticket) {
	for _, g := range e.Going {
		if t := g.Progress.Ticket; t != "" {
			tickets = append(tickets, t)
		}
	}
	return tickets
}
