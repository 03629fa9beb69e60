package simulator

import (
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A job is one try at a job on its agent: its activities run one after the other.
type job struct {
	a       *agent
	claim   wire.Claim
	hold    protocol.Hold
	report  wire.Report
	step    int  // that runs, or is next
	runs    bool // a process runs that this agent waits for
	waits   bool // for its lease
	adopts  bool // what runs is looked for
	begun   bool // prepared, and begun
	streams []*stream
	ending  plan.Result // how it ended
}

const revisionGap = 1 << 20 // behind what a power loss may have taken from the journal

// take begins with an offer.
func (a *agent) take(m wire.Offer) {
	if a.job(m.Claim) != nil || slices.ContainsFunc(a.h.disk.records, func(r record) bool { return r.claim == m.Claim }) {
		return
	}
	if a.problem() != "" {
		a.session.conn.send(up, wire.Decline{Claim: m.Claim, Reason: a.problem()}, false)
		return
	}
	j := &job{a: a, claim: m.Claim, report: wire.Report{Claim: m.Claim, Phase: wire.PhaseAccepted}}
	a.jobs = append(a.jobs, j)
	a.after(a.w.between(0, pick(a.w, 50*time.Millisecond, 2*time.Second)), j.accept)
}

// accept notes the job in the journal, and then says so.
func (j *job) accept() {
	a := j.a
	if a.job(j.claim) != j {
		return
	}
	a.h.open(j.claim)
	a.point("before_journal_accept")
	a.h.disk.write(record{kind: "hold", claim: j.claim})
	if !a.w.broken.startUnsynced {
		a.point("during_journal_accept")
		a.h.disk.sync()
	}
	a.point("after_journal_accept")
	j.hold.Accepted()
	a.flush()
}

// do does what a decision says.
func (j *job) do(s protocol.Step) {
	a := j.a
	if s != protocol.Nothing {
		a.w.say(a.h.name, "%d#%d: %s", j.claim.Run, j.claim.Epoch, s)
	}
	switch s {
	case protocol.Begin:
		j.begin()
	case protocol.EndSoft, protocol.EndHard:
		j.stop(plan.Canceled, s == protocol.EndSoft)
	case protocol.Fence:
		j.stop(plan.Lost, false)
	case protocol.Drop:
		if a.w.broken.forgetsBeforeItEnds {
			j.forget(false)
			return
		}
		j.stop(plan.Lost, false)
	case protocol.Forget:
		j.forget(true)
	}
}

// begin notes that the job begins, and runs it.
func (j *job) begin() {
	a := j.a
	j.begun = true
	a.h.disk.write(record{kind: "start", claim: j.claim, boot: a.h.boots})
	if !a.w.broken.startUnsynced {
		a.h.disk.sync()
	}
	j.revise(wire.PhaseRunning)
	j.next()
}

// next runs the next activity, if it may.
func (j *job) next() {
	a := j.a
	truth := a.w.check.job(j.claim.Run)
	switch {
	case a.job(j.claim) != j || j.runs || j.ending != "":
		return
	case j.step >= len(truth.steps):
		j.end(plan.Passed)
		return
	case !j.hold.MayBegin(a.h.clock()):
		j.waits = true // for a lease, or it is ending
		return
	}
	a.point("before_ticket")
	ticket := token(a.h, j.claim, j.step)
	a.h.disk.write(record{kind: "ticket", claim: j.claim, token: ticket, step: j.step}) // survives the process, not the host
	a.point("after_ticket")
	r := a.h.open(j.claim)
	id := j.log(j.step)
	j.watchLog(id)
	j.join(r)
	lease, _ := j.hold.Lease()
	r.run(id, ticket, lease)
	a.point("after_go")
	j.change(j.step, func(r *wire.ActivityReport) { r.State = plan.Running })
}

func (j *job) log(step int) logID { return logID{j.claim, fmt.Sprintf("s%d", step)} }

// join waits for the end of what runs in a room.
func (j *job) join(r *room) {
	j.runs = true
	r.joined = func(e exit) {
		r.joined = nil
		j.runs = false
		j.exited(e)
	}
}

func (j *job) renewed() {
	if r := j.a.h.room(j.claim); r != nil {
		if lease, known := j.hold.Lease(); known {
			r.renew(lease)
		}
	}
	if j.waits {
		j.waits = false
		j.next()
	}
}

// revise makes a new revision of the report.
func (j *job) revise(phase wire.Phase) {
	j.report.Phase = phase
	j.report.Revision++
	j.a.h.disk.write(record{kind: "report", claim: j.claim, report: copyOf(j.report)})
	j.a.flush()
}

func copyOf(r wire.Report) wire.Report {
	r.Activities = slices.Clone(r.Activities)
	return r
}

func (j *job) change(step int, how func(*wire.ActivityReport)) {
	r := copyOf(j.report)
	for len(r.Activities) <= step {
		r.Activities = append(r.Activities, wire.ActivityReport{Name: fmt.Sprintf("s%d", len(r.Activities)), State: plan.Waiting})
	}
	how(&r.Activities[step])
	j.report = r
	j.revise(wire.PhaseRunning)
}

// complete notes the end of an activity and of its log, and why that is not the whole log, if it is not.
func (j *job) complete(step int, result plan.Result, why string) {
	if j.a.job(j.claim) != j {
		return
	}
	id := j.log(step)
	f := j.a.h.file(id)
	j.watchLog(id).complete = true
	j.change(step, func(r *wire.ActivityReport) {
		r.State, r.Result, r.LogBytes, r.LogSHA256 = plan.Done, result, int64(len(f.data)), sum(f.data)
		if why != "" { // nobody knows what the whole log is
			r.LogSHA256, r.LogIncomplete = "", why
		}
	})
}
