package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// verdict is a result and its cause in words, in colour for a person.
func verdict(result plan.Result, cause string, colour bool) string {
	text := string(result)
	if cause != "" {
		text += ": " + cause
	}
	if !colour {
		return text
	}
	switch result {
	case plan.Passed:
		return "\x1b[32m" + text + reset
	case plan.Failed, plan.Lost:
		return "\x1b[31m" + text + reset
	}
	return "\x1b[33m" + text + reset
}

// summarise says how a run ended, how long each of its activities took, and where the time went.
func summarise(out io.Writer, run server.Run, page string, colour bool) {
	dsl.Format(out, run.Problems, colour)
	fmt.Fprintf(out, "\nrun %d %s\n", run.ID, verdict(run.Result, run.Cause, colour))
	width := 0
	for _, j := range run.Jobs {
		for _, a := range j.Activities {
			width = max(width, len(j.Name)+1+len(a.Name))
		}
	}
	for _, j := range run.Jobs {
		for _, a := range j.Activities {
			name := j.Name + "/" + a.Name
			fmt.Fprintf(out, "  %s%s  %8s  %s\n", name, strings.Repeat(" ", width-len(name)),
				took(a.StartedAt, a.FinishedAt), verdict(a.Result, a.Cause, colour))
		}
		if j.Result == plan.Lost { // which may have nothing to do with any of its activities
			fmt.Fprintf(out, "  %s  %s\n", j.Name, verdict(j.Result, j.Cause, colour))
		}
	}
	if run.FinishedAt != nil && len(run.Jobs) > 0 {
		fmt.Fprintln(out, whereTimeWent(run))
	}
	if page != "" {
		fmt.Fprintf(out, "%s\n", page)
	}
}

// whereTimeWent splits the time of a run, from its creation to its end: how long scripts ran, jobs waited for an agent,
// and the rest, which is containers being made and Tutti itself. Jobs run side by side, so the parts are of all jobs'
// time together.
func whereTimeWent(run server.Run) string {
	var scripts, jobs, queue time.Duration
	for _, j := range run.Jobs {
		if j.StartedAt == nil || j.FinishedAt == nil {
			continue
		}
		jobs += j.FinishedAt.Sub(*j.StartedAt)
		if j.QueuedAt != nil {
			queue += j.StartedAt.Sub(*j.QueuedAt)
		}
		for _, a := range j.Activities {
			if a.StartedAt != nil && a.FinishedAt != nil {
				scripts += a.FinishedAt.Sub(*a.StartedAt)
			}
		}
	}
	return fmt.Sprintf("%s from start to end; of all jobs together %s ran scripts, %s made containers and moved files, %s waited for a free place on an agent",
		short(run.FinishedAt.Sub(run.CreatedAt)), short(scripts), short(max(0, jobs-scripts)), short(max(0, queue)))
}

// took is the time between two moments, or a dash where one is missing.
func took(from, to *time.Time) string {
	if from == nil || to == nil {
		return "-"
	}
	return short(to.Sub(*from))
}

// short writes a duration with as much precision as a person wants of it.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
