package web

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// formats are the templates' functions.
func formats(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"shape":       shape,
		"jobShape":    jobShape,
		"tries":       tries,
		"duration":    duration,
		"count":       count,
		"size":        size,
		"clock":       clock,
		"sentence":    sentence,
		"short":       shortCommit,
		"logPath":     logPath,
		"attemptPath": attemptPath,
		"add":         func(a, b int) int { return a + b },
		"since":       func(t time.Time) string { return took(now(), &t, nil) },
		"between":     func(from *time.Time, to time.Time) string { return took(now(), from, &to) },
		"heard":       func(a server.Agent) string { return duration(time.Duration(a.HeardAgo)) },
		"ago":         func(t time.Time) string { return took(now(), &t, nil) + " ago" },
		"rfc3339":     func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"absolute":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
		// took is how long something took, or has taken until now.
		"took":   func(from, to *time.Time) string { return took(now(), from, to) },
		"plural": func(n int, one, many string) string { return plural(n, one, many) },
	}
}

// shape names the picture of how something is: its result once it is done, its state before.
func shape(state plan.State, result plan.Result) string {
	if state == plan.Done && result != "" {
		return string(result)
	}
	return string(state)
}

// asking is the shape of an approval that waits for a person, which is unlike all other waiting: somebody has to act.
const asking = "asking"

// jobShape is the shape of a job.
func jobShape(j server.Job) string {
	if asks(j) {
		return asking
	}
	return shape(j.State, j.Result)
}

// asks says whether a job is an approval that waits for somebody's answer now.
func asks(j server.Job) bool {
	return j.Kind == plan.KindApproval && j.State == plan.Waiting && j.Approval != nil && j.Approval.AskedAt != nil
}

// axes names an instance of a matrix within its matrix: "go 1.26, db 17". It is empty for all else.
func axes(j server.Job) string {
	if j.Of == "" {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(j.Title(), j.Of+" ("), ")")
}

// tries says how an activity came to where it is if it was tried more than once.
func tries(a server.Activity) string {
	if len(a.Tries) == 0 {
		return ""
	}
	var causes []string
	for _, t := range a.Tries {
		causes = append(causes, t.Cause)
	}
	return fmt.Sprintf("try %d, after %s", len(a.Tries)+1, strings.Join(causes, "; "))
}

// duration is written as people read it: "1m 58s"; two units at most.
func duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return strconv.FormatFloat(float64(d.Milliseconds()/100)/10, 'f', 1, 64) + "s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd %02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

func took(now time.Time, from, to *time.Time) string {
	if from == nil {
		return ""
	}
	if to != nil {
		return duration(to.Sub(*from))
	}
	d := max(now.Sub(*from), 0)
	if d < 10*time.Second {
		return fmt.Sprintf("%ds", d/time.Second) // the script counts on in seconds
	}
	return duration(d)
}

// count writes a number with its thousands apart.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(int64(n)) + " " + many
}

// size writes a number of bytes.
func size(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return count(n) + " B"
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", v, units[unit])
}

// clock writes the time since an activity's start: "01:41.203". The script of logs does the same.
func clock(d time.Duration) string {
	ms := d.Milliseconds()
	s := fmt.Sprintf("%02d:%02d.%03d", ms/60000%60, ms/1000%60, ms%1000)
	if h := ms / 3600000; h > 0 {
		return fmt.Sprintf("%d:%s", h, s)
	}
	return s
}

// sentence makes a full sentence of an error's message or of a cause.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(r)) + s[n:]
	if !strings.ContainsAny(s[len(s)-1:], ".!?:") {
		s += "."
	}
	return s
}

func shortCommit(commit string) string { return commit[:min(len(commit), 8)] }

// attemptPath is the path of the page of an activity's log in the attempt with that epoch; 0 is the current one.
func attemptPath(run server.RunID, job, activity string, epoch int64) string {
	path := logPath(run, job, activity)
	if epoch > 0 {
		path += fmt.Sprintf("?epoch=%d", epoch)
	}
	return path
}

// logPath is the path of the page of an activity's log.
func logPath(run server.RunID, job, activity string) string {
	return fmt.Sprintf("/runs/%d/jobs/%s/activities/%s", run, url.PathEscape(job), url.PathEscape(activity))
}
