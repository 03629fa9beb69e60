package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// hearReport stores what an agent says of a job.
func (s *session) hearReport(ctx context.Context, m wire.Report) error {
	c := claimOf(m.Claim)
	names, err := s.activities(ctx, c)
	if err != nil {
		return err
	}
	if names == nil { // the agent does not have this job
		return s.stale(c)
	}
	report := jobReport(m)
	if m.Result != "" {
		return s.hearResult(ctx, report, names)
	}
	s.markIncomplete(&report)
	if stored, err := s.storeReport(ctx, report); err != nil || !stored {
		return err
	}
	if err := s.control.Send(wire.Reported{Claim: m.Claim, Revision: m.Revision}); err != nil {
		return err
	}
	// What is found incomplete here is part of the next report.
	_, err = s.finishLogs(&report, names)
	return err
}

// hearResult stores how a job ended, once its logs are complete, or it is clear that they never will be.
func (s *session) hearResult(ctx context.Context, report server.JobReport, names map[string]bool) error {
	missing, err := s.finishLogs(&report, names)
	if err != nil {
		return err
	}
	if missing {
		return s.control.Send(wire.Reported{Claim: onWire(report.Claim), Revision: report.Revision, Missing: true})
	}
	s.grant(report.Claim, func(gr *grant) { gr.concluding = true })
	if stored, err := s.storeReport(ctx, report); err != nil || !stored {
		return err
	}
	s.log.Info("a job is done", "run", report.Run, "job", report.Job, "result", report.Result, "cause", report.Cause)
	s.drop(report.Claim)
	return s.control.Send(wire.Reported{Claim: onWire(report.Claim), Revision: report.Revision, Final: true})
}

// storeReport stores a report, unless it is about a job that is over, or makes no sense; the agent is told.
func (s *session) storeReport(ctx context.Context, report server.JobReport) (stored bool, err error) {
	err = s.g.Jobs.Report(ctx, s.id, report)
	switch {
	case errors.Is(err, server.ErrStale):
		return false, s.stale(report.Claim)
	case server.KindOf(err) == server.Invalid:
		return false, s.rejectReport(ctx, report.Claim, err)
	}
	return err == nil, err
}

// markIncomplete notes in a report what is known to be missing for good.
func (s *session) markIncomplete(r *server.JobReport) {
	s.grant(r.Claim, func(gr *grant) {
		for i, a := range r.Activities {
			if why := gr.incomplete[a.Name]; why != "" {
				r.Activities[i].LogIncomplete = why
			}
		}
	})
}

// rejectReport ends a job whose agent reports what cannot be: it would do so for ever.
func (s *session) rejectReport(ctx context.Context, c server.Claim, why error) error {
	s.log.Error("an agent's report makes no sense", "run", c.Run, "job", c.Job, "error", why)
	err := s.g.forsake(ctx, server.HeldJob{Claim: c, Running: true}, "the report of agent "+s.agent.Name+" makes no sense: "+why.Error())
	if err != nil {
		return err
	}
	return s.stale(c)
}

// finishLogs finishes the logs of activities that are done, as far as their bytes are here. It notes in the report what is
// incomplete for good, and answers whether bytes are missing that may still come.
func (s *session) finishLogs(r *server.JobReport, names map[string]bool) (missing bool, err error) {
	for i := range r.Activities {
		a := &r.Activities[i]
		if a.State != plan.Done || a.LogSHA256 == "" && a.LogIncomplete == "" || !names[a.Name] {
			continue
		}
		short, err := s.finishLog(r.Claim, a)
		if err != nil {
			return false, err
		}
		missing = missing || short
	}
	return missing, nil
}

func (s *session) finishLog(c server.Claim, a *server.ActivityReport) (missing bool, err error) {
	id := server.LogID{Run: c.Run, Job: c.Job, Epoch: c.Epoch, Activity: a.Name}
	known, finished := "", false
	s.grant(c, func(gr *grant) { known, finished = gr.incomplete[a.Name], gr.finished[a.Name] })
	if known != "" || finished {
		a.LogIncomplete = known
		return false, nil
	}
	if a.LogSHA256 == "" { // the agent does not know its end, and never will
		return false, s.breakLog(id, a.LogIncomplete)
	}
	err = s.g.Logs.Finish(id, a.LogBytes, a.LogSHA256)
	if isMissing(err) && a.LogIncomplete == "" {
		s.grant(c, func(gr *grant) { note(&gr.expected, a.Name, logEnd{a.LogBytes, a.LogSHA256}) })
		// The last byte may have come before anybody knew that it is the last.
		err = s.g.Logs.Finish(id, a.LogBytes, a.LogSHA256)
	}
	return s.finishedLog(id, a, err)
}

// finishedLog takes in what came of finishing a log.
func (s *session) finishedLog(id server.LogID, a *server.ActivityReport, err error) (missing bool, _ error) {
	var wrong *server.LogMismatchError
	switch {
	case err == nil:
		a.LogIncomplete = ""
		s.grant(server.Claim{Run: id.Run, Job: id.Job, Epoch: id.Epoch}, func(gr *grant) { note(&gr.finished, id.Activity, true) })
		return false, nil
	case isMissing(err) && a.LogIncomplete == "":
		return true, nil
	case isMissing(err), errors.As(err, &wrong):
		if a.LogIncomplete == "" {
			a.LogIncomplete = err.Error()
		}
		return false, s.breakLog(id, a.LogIncomplete)
	}
	return false, err
}

func isMissing(err error) bool {
	var short *server.LogMissingError
	return errors.As(err, &short)
}

// note puts a value into a map that may not be there yet.
func note[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = value
}

// breakLog ends a log that will never be complete.
func (s *session) breakLog(id server.LogID, why string) error {
	s.log.Error("a log is incomplete", "run", id.Run, "job", id.Job, "activity", id.Activity, "reason", why)
	s.grant(server.Claim{Run: id.Run, Job: id.Job, Epoch: id.Epoch}, func(gr *grant) {
		note(&gr.incomplete, id.Activity, why)
	})
	return s.g.Logs.Abandon(id, why)
}

// finishExpected finishes a log whose last byte may just have come.
func (s *session) finishExpected(id server.LogID, length int64) error {
	var end logEnd
	c := server.Claim{Run: id.Run, Job: id.Job, Epoch: id.Epoch}
	s.grant(c, func(gr *grant) {
		if e, ok := gr.expected[id.Activity]; ok && e.bytes <= length {
			end = e
			delete(gr.expected, id.Activity)
		}
	})
	if end.sha256 == "" {
		return nil
	}
	_, err := s.finishLog(c, &server.ActivityReport{Name: id.Activity, LogBytes: end.bytes, LogSHA256: end.sha256})
	return err
}

func jobReport(m wire.Report) server.JobReport {
	r := server.JobReport{Claim: claimOf(m.Claim), Revision: m.Revision, Result: m.Result, Cause: m.Cause}
	for _, a := range m.Activities {
		var tries []server.Try
		for _, t := range a.Tries {
			tries = append(tries, server.Try(t))
		}
		r.Activities = append(r.Activities, server.ActivityReport{
			Name: a.Name, State: a.State, Result: a.Result, Cause: a.Cause, ExitCode: a.ExitCode, Signal: a.Signal,
			Began: (*time.Duration)(a.Began), Took: (*time.Duration)(a.Took),
			LogBytes: a.LogBytes, LogSHA256: a.LogSHA256, LogIncomplete: a.LogIncomplete,
			Outputs: a.Outputs, Tries: tries,
		})
	}
	return r
}
