package dsl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/tutti-ci/tutti/dsl/plan"
)

func (b *builder) job(n *node) *job {
	j := &job{name: n.name, at: n.nameAt}
	b.text(n, "description")
	j.image, j.env, j.timeout = b.bind(n, "image"), b.bind(n, "env"), b.bind(n, "timeout")
	if a := n.args["needs"]; a != nil {
		j.needs = b.needs(a)
	}
	if agent := n.first("agent"); agent != nil {
		j.labels = b.bind(agent, "labels")
	}
	activities := n.all("activity")
	if len(activities) == 0 {
		b.ps.add(codeEmpty, j.at, "No activities", `%s has nothing to do. Write activity "build" { ... }.`, n.title())
	}
	for i, a := range activities {
		if i == maxActivities {
			b.ps.add(codeTooMany, a.nameAt, "Too many activities", "A job has at most %d activities.", maxActivities)
			break
		}
		j.activities = append(j.activities, b.activity(a, n.args["image"] != nil))
	}
	return j
}

func (b *builder) activity(n *node, jobHasImage bool) *activity {
	a := &activity{name: n.name, at: n.nameAt, shell: plan.ShellSh}
	b.text(n, "description")
	a.image, a.env, a.timeout = b.bind(n, "image"), b.bind(n, "env"), b.bind(n, "timeout")
	if n.args["image"] == nil && !jobHasImage {
		b.ps.add(codeNoImage, n.nameAt, "No image", `%s has no image, and neither has its job. Write image = "..." in one of them.`, n.title())
	}
	script, command := n.args["script"], n.args["command"]
	switch {
	case script != nil && command != nil:
		b.ps.add(codeConflict, command.at, "Conflicting arguments",
			"%s has a script already, at %s. An activity runs either a script or a command.", n.title(), script.at)
	case script == nil && command == nil:
		b.ps.add(codeNothingToRun, n.nameAt, "Nothing to run", "%s has neither a script nor a command.", n.title())
	case command != nil:
		a.command = b.bind(n, "command")
	}
	b.shell(a, n)
	if script != nil {
		b.script(a, n, script)
	}
	return a
}

func (b *builder) shell(a *activity, n *node) {
	text, v := b.text(n, "shell")
	switch shell := plan.Shell(text); {
	case v == nil:
	case n.args["command"] != nil:
		b.ps.add(codeConflict, n.args["shell"].at, "Conflicting arguments", "%s runs a command, which no shell reads.", n.title())
	case shell == plan.ShellSh || shell == plan.ShellBash || shell == plan.ShellNone:
		a.shell = shell
	default:
		b.ps.add(codeValue, v.at, "Unknown shell", `%s must be "sh", "bash" or "none".`, v.title())
	}
}

func (b *builder) script(a *activity, n *node, arg *argument) {
	if arg.script == nil {
		if call, ok := arg.expr.(*hclsyntax.FunctionCallExpr); ok && call.Name == "file" {
			b.ps.add(codeLater, arg.exprAt, "Not in this release", "file() is part of language 1 but this release does not run it yet.")
			return
		}
		b.ps.add(codeType, arg.exprAt, "Script expected",
			"A script is raw text: script = \"...\" or script = <<SH. Values reach it through \"env\".")
		return
	}
	a.script = arg.script.text
	if strings.TrimSpace(a.script) == "" && a.shell == plan.ShellNone {
		b.ps.add(codeNothingToRun, arg.at, "Nothing to run", "The script of %s is empty, and an empty file cannot be executed.", n.title())
	} else if strings.TrimSpace(a.script) == "" { // as it may well be in a draft
		b.ps.warn(codeNothingToRun, arg.at, "Nothing to run", "The script of %s is empty: the activity does nothing.", n.title())
	}
	if a.shell != plan.ShellNone {
		b.inScript(arg)
	}
}

// inScript finds ${event.commit} in a script, which a shell could only reject: its names have no dots.
func (b *builder) inScript(arg *argument) {
	src := arg.at.src
	raw := src.data[arg.script.start:min(arg.script.end, len(src.data))]
	for from := 0; ; {
		i := strings.Index(string(raw[from:min(len(raw), from+maxScriptBytes)]), "${")
		if i < 0 {
			return
		}
		start := from + i
		from = start + 2
		name := reachIdent(raw[from:])
		root, rest, dotted := strings.Cut(name, ".")
		if known, _ := isRoot(root); !known || !dotted || rest == "" || inComment(raw, start) {
			continue
		}
		variable := strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(strings.TrimPrefix(rest, "outputs.")))
		b.ps.add(codeInScript, place{src, arg.script.start + start, arg.script.start + from + len(name) + 1}, "Pipeline value inside a script",
			"Scripts are passed to the shell untouched: ${...} here belongs to the shell, so %s is never filled in.\n"+
				"Pass the value through the environment:\n    env = { %s = %s }\nand write \"$%s\" in the script.", name, variable, name, variable)
	}
}

// reachIdent answers the dotted name that text starts with.
func reachIdent(text []byte) string {
	n := 0
	for n < len(text) && (isIdent(text[n]) || n > 0 && (isDigit(text[n]) || text[n] == '.' || text[n] == '-' && dotBefore(text[:n]))) {
		n++
	}
	return strings.TrimRight(string(text[:n]), ".-")
}

// dotBefore keeps ${event-x} and ${event:-x} apart from event.commit-x: a "-" belongs to a name only after a dot.
func dotBefore(text []byte) bool { return strings.Contains(string(text), ".") }

// inComment says whether a place is on a line that the shell ignores.
func inComment(raw []byte, at int) bool {
	line := raw[:at]
	if i := strings.LastIndexByte(string(line), '\n'); i >= 0 {
		line = line[i+1:]
	}
	return strings.HasPrefix(strings.TrimSpace(string(line)), "#")
}

// needs reads the list of references, which is never evaluated.
func (b *builder) needs(a *argument) []need {
	src := a.at.src
	list, diags := hcl.ExprList(a.expr)
	if diags.HasErrors() {
		b.ps.add(codeNotReference, a.exprAt, "List needed", "\"needs\" takes a list of references: needs = [job.build].")
		return nil
	}
	var needs []need
	seen := map[string]place{}
	for _, expr := range list {
		at := src.at(expr.Range())
		name, ok := b.need(expr, at)
		if !ok {
			continue
		}
		if earlier, twice := seen[name]; twice {
			b.ps.add(codeDuplicate, at, "Needed twice", "job.%s already stands at %s.", name, earlier)
			continue
		}
		seen[name] = at
		needs = append(needs, need{name, at})
	}
	return needs
}

func (b *builder) need(expr hcl.Expression, at place) (string, bool) {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() {
		b.notReference(expr, at)
		return "", false
	}
	switch root := t.RootName(); {
	case root == "job" && len(t) == 2:
		if step, ok := t[1].(hcl.TraverseAttr); ok {
			return step.Name, true
		}
	case root == "approval":
		b.ps.add(codeLater, at, "Not in this release", "approval.* is part of language 1 but this release does not run it yet.")
		return "", false
	case len(t) == 1:
		b.ps.add(codeNotReference, at, "Reference needed", "Only references such as job.build may stand here. Write job.%s.", root)
		return "", false
	}
	b.ps.add(codeNotReference, at, "Reference needed", "Only references such as job.build may stand here.")
	return "", false
}

// notReference explains what stands where a reference should.
func (b *builder) notReference(expr hcl.Expression, at place) {
	hint := ""
	switch e := expr.(type) {
	case *hclsyntax.FunctionCallExpr:
		if e.Name == "optional" {
			b.ps.add(codeLater, at, "Not in this release", "optional() is part of language 1 but this release does not run it yet.")
			return
		}
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			v, _ := e.Value(nil) // a literal has no diagnostics
			name := strings.TrimPrefix(v.AsString(), "job.")
			if validName.MatchString(name) {
				hint = fmt.Sprintf(" Write job.%s without quotes.", name)
			}
		}
	}
	b.ps.add(codeNotReference, at, "Reference needed", "Only references such as job.build may stand here.%s", hint)
}

// graph checks that the needs of all jobs lead somewhere, and not in a circle.
func (b *builder) graph(p *pipeline) {
	byName := map[string]*job{}
	var names []string
	for _, j := range p.jobs {
		byName[j.name] = j
		names = append(names, j.name)
	}
	for _, j := range p.jobs {
		known := j.needs[:0]
		for _, n := range j.needs {
			if byName[n.job] == nil {
				at := n.at
				at.start += len("job.")
				b.ps.add(codeJob, at, "Unknown job", "There is no job %q in %s.%s", n.job, p.title(), didYouMean(n.job, names))
				continue
			}
			known = append(known, n)
		}
		j.needs = known
	}
	cycle := plan.Cycle(names, func(name string) []string { return byName[name].needNames() })
	if cycle == nil {
		return
	}
	var lines strings.Builder
	for i, name := range cycle {
		next := cycle[(i+1)%len(cycle)]
		fmt.Fprintf(&lines, "\n  job.%s needs job.%s (%s)", name, next, byName[name].need(next))
	}
	b.ps.add(codeJobCycle, byName[cycle[0]].need(cycle[1%len(cycle)]), "Cycle between jobs",
		"These wait for each other, so none could ever start:%s", lines.String())
}

func (j *job) needNames() []string {
	var names []string
	for _, n := range j.needs {
		names = append(names, n.job)
	}
	return names
}

// need answers the place of the edge to another job.
func (j *job) need(name string) place {
	for _, n := range j.needs {
		if n.job == name {
			return n.at
		}
	}
	return j.at
}
