package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// hearReport stores what an agent says of a job. What cannot be stored now is stored later, and acknowledged then.
func (s *session) hearReport(ctx context.Context, m wire.Report) error {
	report := jobReport(m)
	waits := false
	s.grant(report.Claim, func(gr *grant) {
		waits = gr.waiting != nil
		if waits && report.Revision > gr.waiting.Revision {
			gr.waiting = &report // it says all that the older one said
		}
	})
	if waits {
		return nil
	}
	err := s.takeReport(ctx, report)
	if !isAway(err) {
		return err
	}
	if s.grant(report.Claim, func(gr *grant) { gr.waiting = &report }) {
		s.again(ctx, err, func(ctx context.Context) error { return s.takeWaiting(ctx, report.Claim) })
	}
	return nil
}

// takeWaiting stores the newest report of a job that could not be stored before.
func (s *session) takeWaiting(ctx context.Context, c server.Claim) error {
	for {
		var report *server.JobReport
		s.grant(c, func(gr *grant) { report = gr.waiting })
		if report == nil {
			return nil
		}
		if err := s.takeReport(ctx, *report); err != nil {
			return err
		}
		s.grant(c, func(gr *grant) {
			if gr.waiting == report {
				gr.waiting = nil
			}
		})
	}
}

// takeReport stores a report and says so.
func (s *session) takeReport(ctx context.Context, report server.JobReport) error {
	names, err := s.activities(ctx, report.Claim)
	if err != nil {
		return err
	}
	if names == nil { // the agent does not have this job
		return s.stale(report.Claim)
	}
	if report.Result != "" {
		return s.takeResult(ctx, report, names)
	}
	s.markIncomplete(&report)
	if stored, err := s.storeReport(ctx, report); err != nil || !stored {
		return err
	}
	if err := s.control.Send(wire.Reported{Claim: onWire(report.Claim), Revision: report.Revision}); err != nil {
		return err
	}
	// What is found incomplete here is part of the next report, and what cannot be finished now is finished with the last.
	if _, err = s.finishLogs(&report, names); isAway(err) {
		return nil
	}
	return err
}

// takeResult stores how a job ended, once its logs are complete, or it is clear that they never will be.
func (s *session) takeResult(ctx context.Context, report server.JobReport, names map[string]bool) error {
	missing, err := s.finishLogs(&report, names)
	if err != nil {
		return err
	}
	if missing {
		return s.control.Send(wire.Reported{Claim: onWire(report.Claim), Revision: report.Revision, Missing: true})
	}
	s.grant(report.Claim, func(gr *grant) { gr.Concluding = true })
	if stored, err := s.storeReport(ctx, report); err != nil || !stored {
		return err
	}
	if err := s.g.trap("server.after_result_tx"); err != nil {
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
		return false, s.rejectReport(ctx, report, err)
	}
	return err == nil, away(err)
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
func (s *session) rejectReport(ctx context.Context, report server.JobReport, why error) error {
	c := report.Claim
	s.log.Error("an agent's report makes no sense", "run", c.Run, "job", c.Job, "error", why)
	cause := "the report of agent " + s.agent.Name + " makes no sense: " + why.Error()
	if report.Result == "" {
		// It may still run there, and must not be lost before that is over, or another agent may begin it meanwhile. The agent
		// names it in its pings until then.
		s.grant(c, func(gr *grant) { gr.doomed = cause })
		return s.control.Send(wire.Stale{Claim: onWire(c)})
	}
	if err := s.g.Jobs.LoseForGood(ctx, c, cause); err != nil && !errors.Is(err, server.ErrStale) {
		return away(err)
	}
	s.g.abandon(c, cause)
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
	switch {
	case finished:
		a.LogIncomplete = known
		return false, nil
	case known != "":
		a.LogIncomplete = known
		return false, s.breakLog(id, known)
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
	return false, s.g.logsFailed(err)
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
	c := server.Claim{Run: id.Run, Job: id.Job, Epoch: id.Epoch}
	s.grant(c, func(gr *grant) { note(&gr.incomplete, id.Activity, why) })
	if err := s.g.Logs.Abandon(id, why); err != nil {
		return s.g.logsFailed(err)
	}
	s.grant(c, func(gr *grant) { note(&gr.finished, id.Activity, true) })
	return nil
}

func jobReport(m wire.Report) server.JobReport {
	r := server.JobReport{Claim: claimOf(m.Claim), Revision: m.Revision, Result: m.Result, Cause: m.Cause, Note: m.Note}
	for _, a := range m.Activities {
		var tries []server.Try
		for _, t := range a.Tries {
			tries = append(tries, server.Try(t))
		}
		r.Activities = append(r.Activities, server.ActivityReport{
			Name: a.Name, State: a.State, Result: a.Result, Cause: a.Cause, ExitCode: a.ExitCode, Signal: a.Signal,
			Began: (*time.Duration)(a.Began), Took: (*time.Duration)(a.Took),
			LogBytes: a.LogBytes, LogSHA256: a.LogSHA256, LogIncomplete: a.LogIncomplete, Omitted: a.Omitted,
			Outputs: a.Outputs, Tries: tries,
		})
	}
	return r
}
