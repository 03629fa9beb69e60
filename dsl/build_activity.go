package dsl

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

func (b *builder) activity(j *job, a *activity, n *node, jobHasImage bool) {
	first := len(j.values)
	a.when, a.with, a.allowFailure = b.bind(n, "when"), b.bind(n, "with"), b.bind(n, "allow_failure")
	a.runOn = plan.RunOn(b.word(n, "run_on"))
	a.work = b.work(n, jobHasImage)
	if use := n.args["use"]; use != nil {
		for _, name := range []string{"script", "command", "image", "shell"} {
			if arg := n.args[name]; arg != nil {
				b.ps.add(codeConflict, arg.at, "Conflicting arguments", "%s uses a definition, which brings its own %q.", capital(n.title()), name)
			}
		}
		if o := n.first("output"); o != nil {
			b.ps.add(codeConflict, o.at, "Conflicting arguments", "%s uses a definition, which declares the outputs.", capital(n.title()))
		}
	} else if a.with != nil {
		b.ps.add(codeConflict, n.args["with"].at, "Conflicting arguments", `%s has no "use", so there are no inputs.`, capital(n.title()))
	}
	seen := map[string]bool{}
	values := j.values[first:]
	if a.use == nil && j.env != nil {
		values = append(values[:len(values):len(values)], j.env)
	}
	for _, v := range values {
		a.late = a.late || v.late
		for _, r := range v.refs {
			if r.root == "secret" && !seen[r.name] {
				seen[r.name] = true
				a.secrets = append(a.secrets, r.name)
			}
		}
	}
}

// use finds the definition that an activity refers to; nil if there is none.
func (b *builder) use(n *node) *definition {
	a := n.args["use"]
	if a == nil {
		return nil
	}
	src := a.at.src
	t, diags := hcl.AbsTraversalForExpr(a.expr)
	if diags.HasErrors() {
		hint := ""
		if text := literalText(a.expr); text != "" {
			hint = " Write it without quotes."
		}
		b.ps.add(codeNotReference, a.exprAt, "Reference needed", "Only references such as def.build or lib.acme.go_test may stand here.%s", hint)
		return &definition{opaque: true}
	}
	r, steps := referenceTo(src, t)
	switch {
	case r.root == "def" && steps == 2 && len(t) == 2, r.root == "lib" && steps == 3 && len(t) == 3:
	default:
		b.ps.add(codeNotReference, a.exprAt, "Reference needed", "Only references such as def.build or lib.acme.go_test may stand here.")
		return &definition{opaque: true}
	}
	name := strings.Join(append([]string{r.root, r.name}, r.rest...), ".")
	if d := b.config.definitions[name]; d != nil {
		return d
	}
	b.unknownDefinition(r, t, src)
	return &definition{name: name, opaque: true}
}

func (b *builder) unknownDefinition(r reference, t hcl.Traversal, src *source) {
	at := stepAt(src, t[len(t)-1])
	if r.root == "lib" {
		known, there := b.config.libraries[r.name]
		switch {
		case !there:
			b.ps.add(codeReference, stepAt(src, t[1]), "Unknown library", `There is no library %q.%s`, r.name,
				orText(didYouMean(r.name, b.config.libraryNames()), ` Declare it: library "`+r.name+`" { ... }.`))
			return
		case !known:
			return // it is not at hand, or is wrong itself
		}
		b.ps.add(codeReference, at, "Unknown definition", "Library %q has no definition %q.%s", r.name, r.rest[0],
			didYouMean(r.rest[0], b.config.definedIn("lib."+r.name+".")))
		return
	}
	b.ps.add(codeReference, at, "Unknown definition", "There is no definition %q.%s", r.name,
		orText(didYouMean(r.name, b.config.definedIn("def.")), ` Declare it at the top level: activity "`+r.name+`" { ... }.`))
}

func orText(hint, otherwise string) string {
	if hint != "" {
		return hint
	}
	return otherwise
}

// definedIn answers the names of definitions below a prefix.
func (c *Config) definedIn(prefix string) []string {
	var names []string
	for _, d := range c.defined {
		if name, ok := strings.CutPrefix(d.name, prefix); ok {
			names = append(names, name)
		}
	}
	return names
}

func (c *Config) libraryNames() []string {
	var names []string
	for name := range c.libraries {
		names = append(names, name)
	}
	return names
}

// work builds what an activity or a definition does.
func (b *builder) work(n *node, hasImage bool) work {
	w := work{shell: plan.ShellSh}
	b.text(n, "description")
	w.image, w.env, w.timeout = b.bind(n, "image"), b.bind(n, "env"), b.bind(n, "timeout")
	w.retries, w.effects = b.bind(n, "retries"), b.bind(n, "side_effects")
	w.workdir, w.user = b.bind(n, "workdir"), b.bind(n, "user")
	script, command, use := n.args["script"], n.args["command"], n.args["use"]
	definition := b.scope.definition != nil
	if n.args["image"] == nil && use == nil && (definition || !hasImage) {
		b.noImage(n, definition)
	}
	switch {
	case script != nil && command != nil:
		b.ps.add(codeConflict, command.at, "Conflicting arguments",
			"%s has a script already, at %s. An activity runs either a script or a command.", n.title(), script.at)
	case script == nil && command == nil && use == nil && definition:
		b.ps.add(codeNothingToRun, n.nameAt, "Nothing to run", "%s has neither a script nor a command.", n.title())
	case script == nil && command == nil && use == nil:
		b.ps.add(codeNothingToRun, n.nameAt, "Nothing to run", "%s has no script, no command and no definition to use.", n.title())
	case command != nil:
		w.command = b.bind(n, "command")
	}
	b.shell(&w, n)
	if script != nil {
		b.script(&w, n, script)
	}
	if use == nil {
		w.outputs = b.activityOutputs(n)
	}
	for _, r := range n.all("report") {
		w.reports = append(w.reports, &report{kind: r.spec.Event, path: b.bind(r, "path")})
	}
	return w
}

func (b *builder) noImage(n *node, definition bool) {
	if definition {
		b.ps.add(codeNoImage, n.nameAt, "No image", `%s has no image. A definition brings its own: image = "...".`, n.title())
		return
	}
	b.ps.add(codeNoImage, n.nameAt, "No image", `%s has no image, and neither has its job. Write image = "..." in one of them.`, n.title())
}

func (b *builder) activityOutputs(n *node) []*activityOutput {
	var list []*activityOutput
	for _, o := range b.limited(n.all("output"), maxInputs, "an activity") {
		made := &activityOutput{name: o.name, at: o.nameAt, sensitive: b.flag(o, "sensitive", false), typ: plainKind(cty.DynamicPseudoType)}
		if a := o.args["type"]; a != nil {
			if typ, ok := parseType(b.ps, a); ok {
				made.typ = typ
			}
		}
		list = append(list, made)
	}
	return list
}

func (b *builder) shell(w *work, n *node) {
	shell := plan.Shell(b.word(n, "shell"))
	if shell == "" {
		return
	}
	w.shell = shell
	if n.args["command"] != nil {
		b.ps.add(codeConflict, n.args["shell"].at, "Conflicting arguments", "%s runs a command, which no shell reads.", n.title())
	}
}

func (b *builder) script(w *work, n *node, arg *argument) {
	if arg.script == nil {
		if call, ok := arg.expr.(*hclsyntax.FunctionCallExpr); ok && call.Name == "file" {
			b.scriptFile(w, n, arg, call)
			return
		}
		b.ps.add(codeType, arg.exprAt, "Script expected",
			"A script is raw text: script = \"...\" or script = <<SH, or file(\"path\"). Values reach it through \"env\".")
		return
	}
	w.script = arg.script.text
	if strings.TrimSpace(w.script) == "" && w.shell == plan.ShellNone {
		b.ps.add(codeNothingToRun, arg.at, "Nothing to run", "The script of %s is empty, and an empty file cannot be executed.", n.title())
	} else if strings.TrimSpace(w.script) == "" { // as it may well be in a draft
		b.ps.warn(codeNothingToRun, arg.at, "Nothing to run", "The script of %s is empty: the activity does nothing.", n.title())
	}
	if w.shell != plan.ShellNone {
		b.inScript(arg)
	}
}

// scriptFile binds the path of script = file("path"): the file itself is longer than what expressions may hold.
func (b *builder) scriptFile(w *work, n *node, arg *argument, call *hclsyntax.FunctionCallExpr) {
	if len(call.Args) != 1 || call.ExpandFinal {
		b.ps.add(codeCall, arg.exprAt, "Wrong arguments", "file() takes one path.")
		return
	}
	path := *arg
	path.spec = &argSpec{Name: "script", Type: typeString, Phase: compile}
	path.expr, path.exprAt = call.Args[0], arg.at.src.at(call.Args[0].Range())
	w.file = b.bindAs(n.title(), &path)
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
		if !isRoot(root) || !dotted || rest == "" || inComment(raw, start) {
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
