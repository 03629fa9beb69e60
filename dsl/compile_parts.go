package dsl

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// parts plans what a job has besides its activities.
func (e *evaluator) parts(j *job, made *plan.Job) {
	if w := j.workspace; w != nil {
		made.Workspace = &plan.Workspace{Checkout: w.checkout, Depth: w.depth, Submodules: w.submodules, Unpack: w.unpack}
	}
	for _, s := range j.services {
		service := plan.Service{Name: s.name, Image: e.image(s.image), Env: e.env(s.env), Command: e.command(s.command), Ready: e.command(s.ready)}
		service.Late = s.env != nil && s.env.late
		made.Services = append(made.Services, service)
	}
	for _, c := range j.caches {
		made.Caches = append(made.Caches, e.cache(c))
	}
	for _, a := range j.artifacts {
		made.Artifacts = append(made.Artifacts, e.artifact(a))
	}
}

func (e *evaluator) cache(c *cache) plan.Cache {
	made := plan.Cache{Name: c.name}
	var ok bool
	if made.Path, ok = e.text(c.path); ok && (!path.IsAbs(made.Path) || path.Clean(made.Path) == "/" || strings.Contains(made.Path, "..")) {
		e.ps.add(codeValue, c.path.at, "Invalid path", `%s must be an absolute path in the containers, such as "/go/pkg/mod".`, c.path.title())
	}
	const longest = 512
	if made.Key, ok = e.text(c.key); ok && (made.Key == "" || len(made.Key) > longest) {
		e.ps.add(codeValue, c.key.at, "Invalid key", "%s must have 1 to %d characters.", c.key.title(), longest)
	}
	made.Restore, _ = e.texts(c.restore)
	return made
}

func (e *evaluator) artifact(a *artifact) plan.Artifact {
	made := plan.Artifact{Name: a.name, WhenMissing: "fail", Keep: plan.Duration(e.duration(a.keep, defaultKeep, maxKeep))}
	if word, ok := e.word(a.whenMissing); ok {
		made.WhenMissing = word
	}
	var ok bool
	if made.Paths, ok = e.texts(a.paths); !ok {
		return made
	}
	if len(made.Paths) == 0 {
		e.ps.add(codeValue, a.paths.at, "Empty list", "%s matches nothing.", a.paths.title())
	}
	for i, p := range made.Paths {
		e.globPath(a.paths, a.paths.element(i), p)
	}
	return made
}

// globPath checks a pattern for files of the workspace.
func (e *evaluator) globPath(v *value, at place, pattern string) {
	if _, err := parseGlob(pattern); err != nil {
		e.ps.add(codeValue, at, "Invalid pattern", "In %s, %s.", v.title(), err)
	} else if !insideFolder(strings.TrimPrefix(pattern, "!")) {
		e.ps.add(codeValue, at, "Invalid path", "%s must be relative to the workspace, and stay in it.", v.title())
	}
}

func (e *evaluator) command(v *value) []string {
	command, ok := e.texts(v)
	if ok && (len(command) == 0 || command[0] == "") {
		e.ps.add(codeNothingToRun, v.at, "Nothing to run", "%s must hold at least the program to run.", v.title())
	}
	return command
}

// imageName is the grammar of image references: registry, path, tag and digest.
var imageName = regexp.MustCompile(`^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*` +
	`(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$`)

func (e *evaluator) image(v *value) string {
	image, ok := e.text(v)
	if ok && !imageName.MatchString(image) {
		e.dollar(v, v.at, image)
		e.ps.add(codeValue, v.at, "Invalid image", `%s must be an image such as "golang:1.26" or "registry.example.com/team/tool:v2".`, v.title())
	}
	return image
}

var labelText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*=[^\s,=]+$`)

func (e *evaluator) labels(v *value) []string {
	labels, ok := e.texts(v)
	if !ok {
		return nil
	}
	for i, l := range labels {
		if !labelText.MatchString(l) {
			e.ps.add(codeValue, v.element(i), "Invalid label", `A label is "key=value", as in %q.`, fmt.Sprintf("arch=%s", "arm64"))
		}
	}
	return labels
}

var platformWord = regexp.MustCompile(`^[a-z0-9_]{1,20}$`)

// otherWords are names of systems that people use, and that Go has other words for.
var otherWords = map[string]string{"x86_64": "amd64", "x64": "amd64", "aarch64": "arm64", "macos": "darwin", "osx": "darwin", "i386": "386", "x86": "386"}

// platform reads os or arch.
func (e *evaluator) platform(v *value) string {
	text, ok := e.text(v)
	switch {
	case !ok || text == "any":
		return ""
	case otherWords[text] != "":
		e.ps.add(codeValue, v.at, "Unknown platform", "%s: here it is %q.", v.title(), otherWords[text])
	case !platformWord.MatchString(text):
		e.ps.add(codeValue, v.at, "Unknown platform", `%s must be a word such as "linux" or "amd64".`, v.title())
	}
	return text
}

var userText = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?$`)

// activity plans an activity, given the image and the environment of its job.
func (e *evaluator) activity(a *activity, image string, env map[string]string) plan.Activity {
	if e.lack != nil {
		before := e.lack
		e.lack = before.and(e.spot.job.lackOfActivity(a))
		defer func() { e.lack = before }()
	}
	made := plan.Activity{Name: a.name, RunOn: a.runOn, Late: a.late, Secrets: slices.Sorted(slices.Values(a.secrets))}
	made.Skip = e.skip(a.when)
	if made.Skip != "" {
		made.Late = false // there is nothing left to find out
		e.quietly(func(quiet *evaluator) { quiet.does(a, &made) })
	} else {
		e.does(a, &made)
	}
	if a.use == nil && a.work.image == nil {
		made.Image = image
	}
	if a.use == nil {
		made.Env = under(env, made.Env)
	}
	return made
}

// does plans what an activity does, by itself or with a definition.
func (e *evaluator) does(a *activity, made *plan.Activity) {
	made.AllowFailure, _ = e.flag(a.allowFailure)
	title := fmt.Sprintf("activity %q", a.name)
	if a.use == nil {
		e.work(&a.work, made)
		e.onceOnly(title, a.work.retries, made)
		return
	}
	e.uses(a, made)
	if a.work.retries == nil && a.work.effects == nil {
		title = a.use.title() // it is its mistake, and said once
	}
	e.onceOnly(title, cmp.Or(a.work.retries, a.use.work.retries), made)
}

// under adds what the own environment does not set.
func under(env, own map[string]string) map[string]string {
	for name, text := range env {
		if _, set := own[name]; !set {
			if own == nil {
				own = map[string]string{}
			}
			own[name] = text
		}
	}
	return own
}

// work plans what an activity or a definition does. What is set already, and not here, stays.
func (e *evaluator) work(w *work, made *plan.Activity) {
	if w.image != nil {
		made.Image = e.image(w.image)
	}
	if w.timeout != nil || made.Timeout == 0 {
		made.Timeout = plan.Duration(e.duration(w.timeout, defaultTimeout, maxDuration))
	}
	e.again(w, made)
	if w.command != nil {
		made.Command = e.command(w.command)
	}
	if w.file != nil {
		made.Script = e.scriptFile(w.file)
	} else if w.script != "" {
		made.Script = w.script
	}
	if w.script != "" || w.file != nil {
		made.Shell = w.shell
	}
	made.Env = under(made.Env, e.env(w.env))
	if dir, ok := e.text(w.workdir); ok {
		if made.Workdir = path.Clean(dir); !insideFolder(dir) {
			e.ps.add(codeValue, w.workdir.at, "Invalid path", "%s must be relative to the workspace, and stay in it.", w.workdir.title())
		}
	}
	if user, ok := e.text(w.user); ok {
		if made.User = user; !userText.MatchString(user) {
			e.ps.add(codeValue, w.user.at, "Invalid user", `%s must be a user such as "node", "1000" or "1000:1000".`, w.user.title())
		}
	}
	for _, o := range w.outputs {
		made.Outputs = append(made.Outputs, plan.Output{Name: o.name, Type: planType(o.typ.given, o.typ.defaults), Sensitive: o.sensitive})
	}
	for _, r := range w.reports {
		p, ok := e.text(r.path)
		if ok {
			e.globPath(r.path, r.path.at, p)
		}
		made.Reports = append(made.Reports, plan.Report{Kind: r.kind, Path: p})
	}
}

// scriptFile reads script = file("path").
func (e *evaluator) scriptFile(v *value) string {
	name, ok := e.text(v)
	if !ok {
		return ""
	}
	from := e.commit
	if v.library != "" {
		from = e.config.trees[v.library]
	}
	text, known, err := from.script(name)
	if own, isOwn := err.(*limitError); isOwn {
		e.ps.add(own.code, v.at, own.title, "%s", own.detail)
	} else if err != nil {
		e.ps.add(codeInternal, v.at, "Internal error", "The file could not be read. Please report it.")
	}
	if err == nil && !known {
		e.leave(v)
	}
	return text
}
