package simulator

import (
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// exited takes in how a process ended.
func (j *job) exited(e exit) {
	a := j.a
	a.point("after_exit_before_result")
	result, next := plan.Passed, plan.Result("")
	switch {
	case j.ending != "":
		result, next = j.ending, j.ending
	case e.fenced || e.killed:
		result, next = plan.Lost, plan.Lost
	case e.code != 0:
		result, next = plan.Failed, plan.Failed
	}
	j.complete(j.step, result, "")
	j.step++
	if next != "" {
		j.ended(next)
		return
	}
	a.after(a.w.between(0, time.Second), j.next)
}

// stop ends what runs: softly with a grace.
func (j *job) stop(as plan.Result, softly bool) {
	a := j.a
	if j.ending == "" {
		j.ending = as
	}
	r := a.h.room(j.claim)
	switch {
	case j.adopts: // whoever finds what runs ends it
		return
	case !j.runs:
		j.begun = true
		j.ended(j.ending)
		return
	}
	grace := a.w.between(0, time.Second)
	if softly {
		grace = a.w.between(0, 10*time.Second)
	}
	a.after(grace, func() { j.kill(r) })
}

// kill ends the room's process; a Docker that does not answer is asked again.
func (j *job) kill(r *room) {
	if j.a.h.sick {
		j.a.after(time.Second, func() { j.kill(r) })
		return
	}
	r.kill(exit{code: 137, killed: true})
}

// end ends a job of which nothing runs.
func (j *job) end(as plan.Result) {
	if j.ending == "" {
		j.ending = as
	}
	j.ended(j.ending)
}

// ended notes that nothing runs any more, and brings the rest to the server.
func (j *job) ended(as plan.Result) {
	a := j.a
	if step := j.hold.Ended(); step == protocol.Forget {
		j.do(step)
		return
	}
	a.h.disk.write(record{kind: "ended", claim: j.claim, result: as})
	a.h.disk.sync() // before the room is removed: nobody could find it out again
	a.point("after_end")
	a.h.remove(j.claim)
	j.conclude(as)
}

// conclude waits until the server has the logs, notes the result, and reports it.
func (j *job) conclude(as plan.Result) {
	a := j.a
	j.ending = as
	for i, r := range j.report.Activities {
		if !isOver(r) {
			j.complete(i, as, "")
			continue
		}
		j.watchLog(j.log(i))
		if f := a.h.file(j.log(i)); r.LogSHA256 != sum(f.data) {
			j.report.Activities[i].LogIncomplete = "the spool lost bytes"
		}
	}
	for _, st := range j.streams {
		st.complete = true
	}
	a.flush()
	if a.h.agent == a {
		j.settle()
	}
}

// settle reports the result as soon as the logs are on the server.
func (j *job) settle() {
	a := j.a
	if a.job(j.claim) != j || j.ending == "" {
		return
	}
	if phase, _ := j.hold.Held(); phase == wire.PhaseFinished {
		return
	}
	for _, st := range j.streams {
		if !st.settled() {
			return
		}
	}
	for i := range j.report.Activities {
		for _, st := range j.streams {
			if st.id == j.log(i) && st.failed != "" {
				j.report.Activities[i].LogIncomplete = st.failed
			}
		}
	}
	if phase, say := j.hold.Held(); !say || phase != wire.PhaseRunning {
		return
	}
	j.report.Result = j.ending
	j.report.Phase = wire.PhaseFinished
	j.report.Revision++
	a.h.disk.write(record{kind: "result", claim: j.claim, report: copyOf(j.report)})
	a.point("before_result_sync")
	a.h.disk.sync()
	for i := range j.report.Activities {
		f := a.h.file(j.log(i))
		f.synced = len(f.data)
	}
	j.hold.Finished()
	a.w.say(a.h.name, "%d#%d: its result is %s", j.claim.Run, j.claim.Epoch, j.ending)
	a.flush()
}

func (j *job) hearReported(m wire.Reported) {
	a := j.a
	switch {
	case m.Final:
		a.point("after_result_before_ack")
		if j.hold.Final() == protocol.Forget {
			a.h.disk.write(record{kind: "keep", claim: j.claim})
			a.kept = append(a.kept, &entry{claim: j.claim, report: copyOf(j.report), kept: true, boot: a.h.boots})
			j.leave()
		}
	case m.Missing:
		a.after(time.Second, func() {
			for _, st := range j.streams {
				st.announced, st.opened, st.acked = false, false, -1
			}
			j.report.Revision++
			a.flush()
		})
	}
}

// forget drops all of a job.
func (j *job) forget(all bool) {
	j.a.h.disk.write(record{kind: "forget", claim: j.claim})
	if all {
		j.a.h.remove(j.claim)
		j.a.h.removeFiles(j.claim)
	}
	j.leave()
}

// leave takes the job off the list.
func (j *job) leave() {
	j.a.jobs = slices.DeleteFunc(j.a.jobs, func(other *job) bool { return other == j })
}
