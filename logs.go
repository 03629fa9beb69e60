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
)

// printLogs prints the logs of what is named: "" for a whole run, "JOB", or "JOB/ACTIVITY". A matrix is all its instances.
func printLogs(ctx context.Context, con console, src source, id server.RunID, what string, followed, asJSON bool) error {
	run, err := src.Run(ctx, id)
	if err != nil {
		return err
	}
	job, activity, named := strings.Cut(what, "/")
	jobs, err := theJobs(run, job, activity)
	if err != nil {
		return err
	}
	switch {
	case named && len(jobs) == 1 && !asJSON:
		job = jobs[0].Name
		return src.Log(ctx, id, job, activity, 0, followed, con.Out)
	case followed && what == "" && !asJSON:
		_, err := follow(ctx, src, id, newPlainView(con.Out))
		return err
	}
	for _, j := range jobs {
		for _, a := range j.Activities {
			if activity != "" && a.Name != activity || a.StartedAt == nil && !followed {
				continue
			}
			if err := printLog(ctx, con, src, id, j, a.Name, followed, asJSON); err != nil {
				return err
			}
		}
	}
	return nil
}

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

// printLog prints one log among several.
func printLog(ctx context.Context, con console, src source, id server.RunID, j server.Job, activity string, followed, asJSON bool) error {
	job := j.Name
	if asJSON {
		var text bytes.Buffer
		if err := src.Log(ctx, id, job, activity, 0, followed, &text); err != nil {
			return err
		}
		enc := json.NewEncoder(con.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(map[string]string{"job": job, "activity": activity, "log": text.String()})
	}
	view := newPlainView(con.Out)
	view.Jobs([]server.Job{j})
	w := view.Log(job, activity)
	return errors.Join(src.Log(ctx, id, job, activity, 0, followed, io.Writer(w)), w.Close())
}
