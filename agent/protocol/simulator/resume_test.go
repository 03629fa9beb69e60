package simulator

import (
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// resume takes up a job that the process before left.
func (a *agent) resume(e *entry) {
	noted := protocol.Noted{Started: e.started, Begun: e.token != "", Result: e.ended != "", Rebooted: e.boot != a.h.boots}
	if a.w.broken.rerunAfterReboot && e.token == "" {
		noted.Rebooted = false
	}
	way, hold := protocol.Resume(noted)
	a.w.say(a.h.name, "%d#%d: %s", e.claim.Run, e.claim.Epoch, way)
	j := &job{a: a, claim: e.claim, hold: hold, report: copyOf(e.report)}
	j.report.Claim = e.claim
	j.report.Revision += revisionGap
	a.h.disk.write(record{kind: "report", claim: j.claim, report: copyOf(j.report)})
	a.h.disk.sync() // else a second power loss would have it begin at the same number
	a.jobs = append(a.jobs, j)
	for i, r := range j.report.Activities {
		if isOver(r) {
			j.step = i + 1
		}
	}
	switch way {
	case protocol.Wait:
		a.h.open(j.claim)
	case protocol.Anew:
		a.h.open(j.claim)
		j.begun, j.waits = true, true
	case protocol.Adopt:
		j.begun, j.adopts = true, true
		a.after(a.w.between(0, 3*time.Second), func() { j.adopt(e) })
	case protocol.Rebooted:
		j.begun = true
		j.step = max(j.step, e.step)
		j.lose("the host went down while it ran")
	case protocol.Conclude:
		a.h.remove(j.claim)
		j.report.Result, j.report.Phase = "", wire.PhaseRunning
		j.conclude(e.ended)
	}
}

// lose ends a job whose processes are gone, and perhaps the end of their log.
func (j *job) lose(why string) {
	if j.step < len(j.report.Activities) && !isOver(j.report.Activities[j.step]) {
		j.complete(j.step, plan.Lost, why)
	}
	j.end(plan.Lost)
}

// adopt takes up what runs, or ran.
func (j *job) adopt(e *entry) {
	a := j.a
	if a.job(j.claim) != j {
		return
	}
	if a.h.sick {
		a.after(time.Second, func() { j.adopt(e) })
		return
	}
	j.adopts = false
	r := a.h.room(j.claim)
	switch {
	case e.step < j.step: // it ran between two, or had ended
	case r == nil:
		j.step = max(j.step, e.step)
		j.lose("")
		return
	case r.token == e.token || a.w.broken.anyTicket && r.token != "":
		j.step = e.step
		j.watchLog(j.log(j.step))
		j.rejoin(r)
		return
	}
	j.goOn()
}

// rejoin waits for the end of what runs, or takes in that of what ran.
func (j *job) rejoin(r *room) {
	a := j.a
	j.join(r)
	if r.process == nil {
		ended, joined := *r.exit, r.joined
		r.joined = nil
		a.after(0, func() { joined(ended) })
		return
	}
	if lease, known := j.hold.Lease(); known {
		r.renew(lease)
	}
	if j.ending != "" {
		j.stop(j.ending, false)
	}
}

// goOn goes on with the next activity, or ends what was canceled meanwhile.
func (j *job) goOn() {
	result := j.ending
	for _, r := range j.report.Activities[:j.step] {
		if result == "" && r.Result != plan.Passed {
			result = r.Result
		}
	}
	if result != "" {
		j.end(result)
		return
	}
	j.next()
}
