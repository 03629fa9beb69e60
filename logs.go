package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// logOptions say which logs are printed, and how.
type logOptions struct {
	What    string // "" for a whole run, "JOB", or "JOB/ACTIVITY"; a matrix is all its instances
	Follow  bool
	Attempt int // at the job, from 1; 0 is the last one
	JSON    bool
}

// printLogs prints the logs of what is named.
func printLogs(ctx context.Context, con console, src source, id server.RunID, opts logOptions) error {
	run, err := src.RunPatiently(ctx, id)
	if err != nil {
		return err
	}
	job, activity, named := strings.Cut(opts.What, "/")
	jobs, err := theJobs(run, job, activity)
	if err != nil {
		return err
	}
	if jobs, err = theAttempts(run.ID, jobs, opts.Attempt); err != nil {
		return err
	}
	alone := named && len(jobs) == 1
	if opts.Follow && !opts.JSON && opts.Attempt == 0 {
		return followLogs(ctx, con, src, id, opts.What, jobs, activity, alone)
	}
	var torn []error // what is whole is printed all the same
	for _, j := range jobs {
		for _, a := range j.Activities {
			if activity != "" && a.Name != activity || a.StartedAt == nil && !opts.Follow {
				continue
			}
			err := printLog(ctx, con, src, id, j, a, opts, alone && !opts.JSON)
			var incomplete *client.IncompleteError
			switch {
			case errors.As(err, &incomplete):
				torn = append(torn, incomplete)
			case err != nil:
				return err
			}
		}
	}
	return errors.Join(torn...)
}

// followLogs prints logs as they come, until what is named is done. That of one activity comes alone.
func followLogs(ctx context.Context, con console, src source, id server.RunID, what string, jobs []server.Job, activity string, alone bool) error {
	only := choice{activity: activity}
	for _, j := range jobs {
		if what != "" {
			only.jobs = append(only.jobs, j.Name)
		}
	}
	var v view = newPlainView(con.Out)
	if alone {
		v = &rawView{out: con.Out, errs: con.Err}
	}
	run, err := followOnly(ctx, src, id, v, only)
	if err != nil {
		return err
	}
	return incompleteLogs(run, only)
}

// incompleteLogs answers the error of logs that were followed to their end and lack something: by then they cannot be told from whole ones.
func incompleteLogs(run server.Run, only choice) error {
	var torn []error
	for _, j := range run.Jobs {
		for _, a := range j.Activities {
			if a.LogIncomplete != "" && only.has(j.Name, a.Name) {
				torn = append(torn, fmt.Errorf("the log of %s/%s is incomplete: %s", j.Title(), a.Name, a.LogIncomplete))
			}
		}
	}
	return errors.Join(torn...)
}

// A rawView prints the log of one activity byte for byte, and says beside it when the job is begun anew.
type rawView struct{ out, errs io.Writer }

// Jobs implements view.
func (v *rawView) Jobs([]server.Job) {}

// Changed implements view.
func (v *rawView) Changed(ch server.Change) {
	if ch.Kind == "job" && ch.State == plan.Queued && ch.Cause != "" {
		fmt.Fprintf(v.errs, "tutti: %s is queued again: %s\n", ch.Job, ch.Cause)
	}
}

// Log implements view.
func (v *rawView) Log(job, activity string, attempt int) io.WriteCloser {
	if attempt > 1 {
		fmt.Fprintf(v.errs, "tutti: attempt %d of %s/%s\n", attempt, job, activity)
	}
	return unclosed{v.out}
}

// unclosed is a writer that somebody else closes.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// theJobs answers the jobs that a name means: "test.1", or "test (go 1.26)" as pages show it, or for "test" all instances
// of a matrix; all jobs if it is empty. An error names what there is.
func theJobs(run server.Run, name, activity string) ([]server.Job, error) {
	if name == "" {
		return run.Jobs, nil
	}
	var found []server.Job
	var names []string
	for _, j := range run.Jobs {
		names = append(names, j.Name)
		if j.Name == name || j.Of == name || j.Title() == name {
			found = append(found, j)
		}
	}
	if len(found) == 0 {
		return nil, failed(fmt.Errorf("run %d has no job %q; it has %s", run.ID, name, strings.Join(names, ", ")))
	}
	if len(found) > 1 { // the matrix itself has no logs
		found = slices.DeleteFunc(found, func(j server.Job) bool { return j.Kind == plan.KindMatrix })
	}
	for _, j := range found {
		if err := mustHave(run.ID, j, activity); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// theAttempts answers the jobs as they were in an attempt; 0 is as they are.
func theAttempts(run server.RunID, jobs []server.Job, number int) ([]server.Job, error) {
	if number == 0 {
		return jobs, nil
	}
	var then []server.Job
	for _, j := range jobs {
		switch n := len(j.Attempts); {
		case number <= n:
			old, _ := j.AsOf(j.Attempts[number-1].Epoch)
			then = append(then, old)
		case number == n+1:
			then = append(then, j)
		case n == 0:
			return nil, failed(fmt.Errorf("job %s of run %d has 1 attempt", j.Title(), run))
		default:
			return nil, failed(fmt.Errorf("job %s of run %d has %d attempts", j.Title(), run, n+1))
		}
	}
	return then, nil
}

// mustHave answers an error that names what there is, unless the job has the activity, which may be empty.
func mustHave(run server.RunID, j server.Job, activity string) error {
	var names []string
	for _, a := range j.Activities {
		names = append(names, a.Name)
	}
	if activity == "" || slices.Contains(names, activity) {
		return nil
	}
	if len(names) == 0 {
		return failed(fmt.Errorf("%s of run %d has no activities", j.Name, run))
	}
	return failed(fmt.Errorf("job %s of run %d has no activity %q; it has %s", j.Name, run, activity, strings.Join(names, ", ")))
}

// printLog prints the log of an activity, alone or among several, and says beside it what it lacks.
func printLog(ctx context.Context, con console, src source, run server.RunID, j server.Job, a server.Activity, opts logOptions, alone bool) error {
	id := server.LogID{Run: run, Job: j.Name, Epoch: j.LogEpoch(), Activity: a.Name}
	switch {
	case opts.JSON:
		var text bytes.Buffer
		if err := src.LogOf(ctx, id, 0, opts.Follow, &text); err != nil {
			return err
		}
		enc := json.NewEncoder(con.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(map[string]string{"job": j.Name, "activity": a.Name, "log": text.String()})
	case alone:
		if err := src.LogOf(ctx, id, 0, opts.Follow, con.Out); err != nil {
			return err
		}
	default:
		view := newPlainView(con.Out)
		view.Jobs([]server.Job{j})
		w := view.Log(j.Name, a.Name, len(j.Attempts)+1)
		if err := errors.Join(src.LogOf(ctx, id, 0, opts.Follow, w), w.Close()); err != nil {
			return err
		}
	}
	if a.LogIncomplete != "" {
		fmt.Fprintf(con.Err, "tutti: the log of %s/%s is incomplete: %s\n", j.Title(), a.Name, a.LogIncomplete)
	}
	return nil
}
