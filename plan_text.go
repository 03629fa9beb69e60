package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// describePlans prints what an event starts, for a person.
func describePlans(out io.Writer, ev dsl.Event, only string, resp dsl.Response) {
	fmt.Fprintf(out, "event: %s, commit %.8s\n", describedEvent(ev), ev.Commit)
	for _, m := range resp.Matches {
		switch {
		case only != "" && m.Pipeline != only:
		case m.Starts:
			fmt.Fprintf(out, "pipeline %s starts: %s\n", m.Pipeline, m.Reason)
		default:
			fmt.Fprintf(out, "pipeline %s would not run: %s\n", m.Pipeline, m.Reason)
		}
	}
	if only == "" && !startsAnything(resp.Matches) {
		fmt.Fprintln(out, "nothing starts")
	}
	for _, p := range resp.Plans {
		fmt.Fprintln(out)
		planText{out, p}.write()
	}
}

// A planText prints one plan.
type planText struct {
	out io.Writer
	*plan.Plan
}

func (t planText) line(depth int, format string, args ...any) {
	fmt.Fprintf(t.out, "%s%s\n", strings.Repeat("  ", depth), oneLine(fmt.Sprintf(format, args...)))
}

func (t planText) write() {
	t.line(0, "pipeline %s", t.Pipeline)
	if t.Concurrency != nil {
		t.line(1, "one at a time in %s", concurrencyText(t.Concurrency))
	}
	for _, j := range nodesOf(t.Plan) {
		switch j.Kind {
		case plan.KindApproval:
			t.approval(j)
		case plan.KindMatrix:
			t.matrix(j)
		default:
			t.job(1, "job", j)
		}
	}
}

func concurrencyText(c *plan.Concurrency) string {
	does := map[plan.Policy]string{
		plan.PolicyQueue: "a newcomer waits", plan.PolicyCancelRunning: "a newcomer cancels all before it",
		plan.PolicyCancelWaiting: "a newcomer cancels what waits",
	}[c.Policy]
	return fmt.Sprintf("group %q; %s", c.Group, does)
}

// facts are what is said of a node behind its name.
func facts(j plan.Job) string {
	var list []string
	if len(j.Needs) > 0 {
		needs := slices.Clone(j.Needs)
		for i, n := range needs {
			if slices.Contains(j.Optional, n) {
				needs[i] += " (which may be skipped)"
			}
		}
		list = append(list, "after "+strings.Join(needs, ", "))
	}
	if j.RunOn == plan.OnFailed {
		list = append(list, "if one of them failed")
	} else if j.RunOn == plan.OnAlways {
		list = append(list, "however they end")
	}
	if j.Environment != "" {
		list = append(list, "to "+j.Environment)
	}
	if len(j.Labels) > 0 {
		list = append(list, "on an agent with "+strings.Join(j.Labels, " "))
	}
	if j.OS != "" || j.Arch != "" {
		list = append(list, "on "+strings.Trim(j.OS+"/"+j.Arch, "/"))
	}
	text := ""
	for _, f := range list {
		text += ", " + f
	}
	return text
}

func (t planText) approval(j plan.Job) {
	t.line(1, "approval %s%s", j.Name, facts(j))
	if t.skipped(2, j.Skip) {
		return
	}
	if a := j.Approval; a != nil && !j.Deferred {
		who := "anybody"
		if len(a.Approvers) > 0 {
			who = strings.Join(a.Approvers, ", ")
		}
		t.line(2, "asks %s, for at most %s: %s", who, a.Timeout, a.Message)
	}
	t.late(2, j)
}

func (t planText) matrix(j plan.Job) {
	instances := instancesOf(t.Plan, j.Name)
	many := fmt.Sprintf("%d %s", len(instances), plural(len(instances), "instance", "instances"))
	if len(instances) == 0 {
		many = "instances known later"
	}
	if j.MaxParallel > 0 {
		many += fmt.Sprintf(", at most %d side by side", j.MaxParallel)
	}
	if j.FailFast {
		many += ", the first that fails cancels the others"
	}
	t.line(1, "job %s%s: %s", j.Name, facts(j), many)
	if t.skipped(2, j.Skip) {
		return
	}
	t.late(2, j)
	for _, i := range instances {
		t.job(2, "", i)
	}
}

// job prints a job, or an instance of a matrix.
func (t planText) job(depth int, what string, j plan.Job) {
	name := strings.TrimSpace(what + " " + j.Title())
	limit := fmt.Sprintf(", at most %s", j.Timeout)
	if j.Deferred || j.Skip != "" {
		limit = ""
	}
	t.line(depth, "%s%s%s", name, facts(j), limit)
	if t.skipped(depth+1, j.Skip) {
		return
	}
	if n := j.Retries.By[plan.CauseLost]; n > 0 {
		t.line(depth+1, "begun anew when it was lost, at most %d %s", n, plural(n, "time", "times"))
	}
	if j.Fence > 0 {
		t.line(depth+1, "ended when the server was not heard of for %s", j.Fence)
	}
	if j.Concurrency != nil {
		t.line(depth+1, "one at a time in %s", concurrencyText(j.Concurrency))
	}
	if len(j.Secrets) > 0 {
		t.line(depth+1, "secrets: %s", strings.Join(j.Secrets, ", "))
	}
	for _, a := range j.Activities {
		t.activity(depth+1, j, a)
	}
	t.parts(depth+1, j)
	t.late(depth+1, j)
}

func (t planText) activity(depth int, j plan.Job, a plan.Activity) {
	name := a.Name
	if a.Uses != "" {
		name += ", which is " + a.Uses + ","
	}
	image := a.Image
	if image == "" {
		image = "an image that is known later"
	}
	condition := ""
	if a.RunOn == plan.OnFailed {
		condition = ", if something above failed"
	} else if a.RunOn == plan.OnAlways {
		condition = ", whatever happened above"
	}
	if a.AllowFailure {
		condition += ", may fail"
	}
	condition += retriesText(a.Retries)
	if a.SideEffects {
		condition += ", with side effects"
	}
	does := doing(a)
	if t.commandLate(j, a) {
		does = "a command that is known later"
	}
	t.line(depth, "%s in %s%s: %s", name, image, condition, does)
	t.skipped(depth+1, a.Skip)
}

// commandLate says whether the command of an activity, or of the definition that it uses, is not known yet. What is not known of
// an instance stands with its matrix.
func (t planText) commandLate(j plan.Job, a plan.Activity) bool {
	if matrix, ok := t.Plan.Job(j.Of); ok {
		j = matrix
	}
	name := a.Name
	if a.Uses != "" {
		name = a.Uses[strings.LastIndexByte(a.Uses, '.')+1:]
	}
	return slices.ContainsFunc(j.Late, func(l plan.Late) bool { return l.Where == fmt.Sprintf("%q of activity %q", "command", name) })
}

func retriesText(r plan.Retries) string {
	if r.Any > 0 {
		return fmt.Sprintf(", tried %d times at most", r.Any+1)
	}
	if len(r.By) == 0 {
		return ""
	}
	var causes []string
	for cause, n := range r.By {
		if n > 0 {
			causes = append(causes, fmt.Sprintf("%s %d", cause, n))
		}
	}
	slices.Sort(causes)
	return ", tried again for " + strings.Join(causes, ", ")
}

func (t planText) skipped(depth int, why string) bool {
	if why != "" {
		t.line(depth, "skipped: %s", why)
	}
	return why != ""
}

// late prints the values of a node that are not known yet.
func (t planText) late(depth int, j plan.Job) {
	when := map[string]string{"dispatch": "when what it needs has ended", "agent": "just before the activity"}
	for _, l := range j.Late {
		const most = 160
		source := []rune(strings.Join(strings.Fields(l.Source), " "))
		if len(source) > most {
			source = append(source[:most], '…')
		}
		t.line(depth, "known %s: %s = %s", when[l.Phase], l.Where, string(source))
	}
}

// parts prints what a job has beside its activities.
func (t planText) parts(depth int, j plan.Job) {
	for _, s := range j.Services {
		t.line(depth, "service %s in %s", s.Name, s.Image)
	}
	for _, c := range j.Caches {
		t.line(depth, "cache %s of %s: %s", c.Name, c.Path, c.Key)
	}
	for _, a := range j.Artifacts {
		t.line(depth, "artifact %s: %s", a.Name, strings.Join(a.Paths, ", "))
	}
	if len(j.Outputs) > 0 {
		var names []string
		for _, o := range j.Outputs {
			names = append(names, fmt.Sprintf("%s (%s)", o.Name, o.Type))
		}
		t.line(depth, "puts out %s", strings.Join(names, ", "))
	}
}

// doing says in one line what an activity does.
func doing(a plan.Activity) string {
	if len(a.Command) > 0 {
		words, err := json.Marshal(a.Command)
		if err != nil {
			return strings.Join(a.Command, " ") // strings always have a JSON form
		}
		return string(words)
	}
	first, more, _ := strings.Cut(strings.TrimSpace(a.Script), "\n")
	if more != "" {
		return fmt.Sprintf("%s script: %s … (%d more lines)", a.Shell, first, strings.Count(more, "\n")+1)
	}
	return fmt.Sprintf("%s script: %s", a.Shell, first)
}
