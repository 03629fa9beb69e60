package web

import (
	"regexp"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

const (
	maxFailures  = 5   // shown with their lines
	failureReach = 400 // lines at the end of a log among which the first failing one is looked for
	excerptLines = 8
)

// failing recognises a line that says what went wrong.
var failing = regexp.MustCompile(`^\s*(--- FAIL|FAIL\b|FAILED\b|panic:|not ok\b|✗|✘|E   )` +
	`|(?i:\b(error|fatal|exception)\b[^:]{0,60}:|\berror\[)|Traceback`)

// A failure is what a person wants to see first of a run that failed.
type failure struct {
	Job      string
	Activity string // empty where the job failed by itself
	Shape    string
	Cause    string
	From, To *time.Time
	Path     string    // of the log's page
	Excerpt  []logLine // of the log
	Line     int64     // the first of it
}

// failures lists what went wrong in a run, with a few lines of the log of each.
func (s *Site) failures(run server.Run) []failure {
	var all []failure
	for _, job := range tellingJobs(run) {
		if !bad(job.Result) {
			continue
		}
		found := false
		for _, act := range job.Activities {
			if !bad(act.Result) {
				continue
			}
			found = true
			f := failure{Job: job.Title(), Activity: act.Name, Shape: string(act.Result), Cause: act.Cause, From: act.StartedAt, To: act.FinishedAt}
			f.Path = logPath(run.ID, job.Name, act.Name)
			if len(all) < maxFailures {
				id := server.LogID{Run: run.ID, Job: job.Name, Epoch: job.LogEpoch(), Activity: act.Name}
				f.Excerpt = s.excerpt(id)
				for i := range f.Excerpt {
					f.Excerpt[i].Link = f.Path + f.Excerpt[i].Link
				}
			}
			if len(f.Excerpt) > 0 {
				f.Line = f.Excerpt[0].Number
			}
			all = append(all, f)
		}
		if !found {
			all = append(all, failure{Job: job.Title(), Shape: string(job.Result), Cause: job.Cause, From: job.StartedAt, To: job.FinishedAt})
		}
	}
	return all
}

func bad(r plan.Result) bool { return r == plan.Failed || r == plan.Lost }

// excerpt answers the lines around the first failing one near the end of a log, or its last lines. A log that cannot be read has
// none: what is known of the run is shown all the same.
func (s *Site) excerpt(id server.LogID) []logLine {
	if id.Epoch == 0 {
		return nil
	}
	lines, err := s.tail(id)
	if err != nil {
		s.Log.Warn("no excerpt of a log can be shown", "run", id.Run, "job", id.Job, "activity", id.Activity, "err", err)
	}
	if len(lines) == 0 {
		return nil
	}
	from := firstFailing(lines)
	if from < 0 {
		from = max(0, len(lines)-excerptLines)
	}
	return lines[from:min(len(lines), from+excerptLines)]
}

// tail answers the last lines of a log.
func (s *Site) tail(id server.LogID) ([]logLine, error) {
	info, err := s.Logs.Info(id)
	if err != nil {
		return nil, err
	}
	from := max(1, info.Lines-failureReach+1)
	lines, _, err := s.Logs.Lines(id, from, failureReach)
	return showLines(lines), err
}

// firstFailing answers the index of the first line that says what went wrong, or -1.
func firstFailing(lines []logLine) int {
	for i, l := range lines {
		if failing.MatchString(l.Text) {
			return i
		}
	}
	return -1
}
