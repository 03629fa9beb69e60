package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// printLogs prints the logs of what is named: "" for a whole run, "JOB", or "JOB/ACTIVITY".
func printLogs(ctx context.Context, con console, src source, id server.RunID, what string, followed, asJSON bool) error {
	run, err := src.Run(ctx, id)
	if err != nil {
		return err
	}
	job, activity, one := strings.Cut(what, "/")
	if err := mustExist(run, job, activity); err != nil {
		return err
	}
	switch {
	case one && !asJSON:
		return src.Log(ctx, id, job, activity, 0, followed, con.Out)
	case followed && what == "" && !asJSON:
		_, err := follow(ctx, src, id, newPlainView(con.Out))
		return err
	}
	for _, j := range run.Jobs {
		for _, a := range j.Activities {
			if job != "" && j.Name != job || activity != "" && a.Name != activity || a.StartedAt == nil && !followed {
				continue
			}
			if err := printLog(ctx, con, src, id, j.Name, a.Name, followed, asJSON); err != nil {
				return err
			}
		}
	}
	return nil
}

// mustExist answers an error that names what there is, unless the run has the job and the activity; either may be empty.
func mustExist(run server.Run, job, activity string) error {
	if job == "" {
		return nil
	}
	var jobs []string
	for _, j := range run.Jobs {
		jobs = append(jobs, j.Name)
		if j.Name != job {
			continue
		}
		var activities []string
		for _, a := range j.Activities {
			activities = append(activities, a.Name)
			if activity == "" || a.Name == activity {
				return nil
			}
		}
		return failed(fmt.Errorf("job %s of run %d has no activity %q; it has %s", job, run.ID, activity, strings.Join(activities, ", ")))
	}
	return failed(fmt.Errorf("run %d has no job %q; it has %s", run.ID, job, strings.Join(jobs, ", ")))
}

// printLog prints one log among several.
func printLog(ctx context.Context, con console, src source, id server.RunID, job, activity string, followed, asJSON bool) error {
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
	w := view.Log(job, activity)
	return errors.Join(src.Log(ctx, id, job, activity, 0, followed, io.Writer(w)), w.Close())
}
