package agent

import (
	"errors"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// shorten says that a job is lost of which all there is to say does not fit into a message. To end the session would not
// help: the next one would have to say the same.
func (p *pump) shorten(r wire.Report, why *wire.TooLargeError) error {
	p.w.log.Error("a report is too large", "run", r.Run, "job", r.Job, "epoch", r.Epoch, "bytes", why.Size)
	if r.Result == "" {
		p.w.tell(r.Claim, func(j *job) { j.end(why) }) // its last report comes instead
		return nil
	}
	err := p.control.Send(lostReport(r, why))
	if errors.As(err, &why) {
		r.Activities = nil
		err = p.control.Send(lostReport(r, why))
	}
	return err
}

// lostReport is r with no more than the server needs to end the job and its logs.
func lostReport(r wire.Report, why error) wire.Report {
	short := wire.Report{Claim: r.Claim, Revision: r.Revision, Phase: r.Phase, Result: plan.Lost, Cause: brief(why.Error())}
	for _, a := range r.Activities {
		// No outputs: the jobs that need them do not run, because this one is lost.
		slim := wire.ActivityReport{Name: a.Name, State: a.State, Result: a.Result, LogBytes: a.LogBytes, LogSHA256: a.LogSHA256}
		if a.LogIncomplete != "" {
			slim.LogIncomplete = "it is not complete"
		}
		short.Activities = append(short.Activities, slim)
	}
	return short
}
