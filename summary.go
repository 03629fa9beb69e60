package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	return colourful(result, text)
}

// colourful writes a text in the colour of a result.
func colourful(result plan.Result, text string) string {
	switch result {
	case plan.Passed:
		return "\x1b[32m" + text + reset
	case plan.Failed, plan.Lost:
		return "\x1b[31m" + text + reset
	}
	return "\x1b[33m" + text + reset
}

// A summaryRow says how an activity ended, or a job that none of its activities speaks for.
type summaryRow struct {
	name, took string
	result     plan.Result
	text       string
}

// summarise says how a run ended, how long each of its activities took, and where the time went.
func summarise(out io.Writer, run server.Run, page string, colour bool) {
	dsl.Format(out, run.Problems, colour)
	fmt.Fprintf(out, "\nrun %d %s\n", run.ID, verdict(run.Result, run.Cause, colour))
	var rows []summaryRow
	for _, j := range tellingJobs(run) {
		rows = append(rows, summaryOf(j)...)
	}
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r.name))
	}
	for _, r := range rows {
		text := r.text
		if colour {
			text = colourful(r.result, text)
		}
		fmt.Fprintf(out, "  %s%s  %8s  %s\n", r.name, strings.Repeat(" ", width-utf8.RuneCountInString(r.name)), r.took, text)
	}
	if run.FinishedAt != nil && len(run.Jobs) > 0 {
		fmt.Fprintln(out, whereTimeWent(run))
	}
	if page != "" {
		fmt.Fprintf(out, "%s\n", page)
	}
}

// summaryOf is what there is to say of a job: a line for each activity, or one for all of them where they say nothing.
func summaryOf(j server.Job) []summaryRow {
	if j.Kind == plan.KindApproval {
		waited := "-"
		if j.Approval != nil {
			waited = took(j.Approval.AskedAt, j.FinishedAt)
		}
		return []summaryRow{{j.Title(), waited, j.Result, answer(j)}}
	}
	var rows []summaryRow
	spoken := false // an activity ended as the job did
	for _, a := range j.Activities {
		rows = append(rows, summaryRow{j.Title() + "/" + a.Name, took(a.StartedAt, a.FinishedAt), a.Result, verdict(a.Result, a.Cause, false) + tries(a) + missing(a)})
		spoken = spoken || a.Result == j.Result
	}
	for i, a := range slices.Backward(j.Attempts) {
		lost := summaryRow{fmt.Sprintf("%s (attempt %d)", j.Title(), i+1), took(a.StartedAt, &a.FinishedAt), a.Result, verdict(a.Result, "on agent "+a.Agent+": "+a.Cause, false)}
		rows = slices.Insert(rows, 0, lost)
	}
	whole := summaryRow{j.Title(), took(j.StartedAt, j.FinishedAt), j.Result, verdict(j.Result, j.Cause, false)}
	switch {
	case j.Result == plan.Skipped, len(j.Activities) == 0:
		return []summaryRow{whole}
	case j.Result == plan.Lost, !spoken: // which may have nothing to do with any of its activities
		rows = append(rows, whole)
	}
	return rows
}

// tries says how an activity came to its end if it was tried more than once.
func tries(a server.Activity) string {
	if len(a.Tries) == 0 {
		return ""
	}
	var causes []string
	for _, t := range a.Tries {
		causes = append(causes, t.Cause)
	}
	return fmt.Sprintf(" (try %d, after %s)", len(a.Tries)+1, strings.Join(causes, "; "))
}

// missing says of an activity's log that it lacks something.
func missing(a server.Activity) string {
	if a.LogIncomplete == "" {
		return ""
	}
	return " (log incomplete: " + a.LogIncomplete + ")"
}

// whereTimeWent splits the time of a run, from its creation to its end: how long scripts ran, jobs waited for an agent or
// for people, and the rest, which is containers being made and Tutti itself. Jobs run side by side, so the parts are of all
// jobs' time together.
func whereTimeWent(run server.Run) string {
	var scripts, jobs, queue, people time.Duration
	for _, j := range run.Jobs {
		if j.Approval != nil && j.Approval.AskedAt != nil && j.FinishedAt != nil {
			people += j.FinishedAt.Sub(*j.Approval.AskedAt)
		}
		if j.StartedAt == nil || j.FinishedAt == nil || j.Kind != plan.KindJob {
			continue
		}
		jobs += j.FinishedAt.Sub(*j.StartedAt)
		if j.QueuedAt != nil {
			queue += j.StartedAt.Sub(*j.QueuedAt)
		}
		for _, a := range j.Attempts { // which were no waiting
			if a.StartedAt != nil {
				jobs += a.FinishedAt.Sub(*a.StartedAt)
				queue -= a.FinishedAt.Sub(*a.StartedAt)
			}
		}
		for _, a := range j.Activities {
			if a.StartedAt != nil && a.FinishedAt != nil {
				scripts += a.FinishedAt.Sub(*a.StartedAt)
			}
		}
	}
	text := fmt.Sprintf("%s from start to end; of all jobs together %s ran scripts, %s made containers and moved files, %s waited for a free place on an agent",
		short(run.FinishedAt.Sub(run.CreatedAt)), short(scripts), short(max(0, jobs-scripts)), short(max(0, queue)))
	if people > 0 {
		text += fmt.Sprintf(", %s waited for people", short(people))
	}
	return text
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
