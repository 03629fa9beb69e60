package dsl

import (
	"strings"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// triggers are what starts a pipeline by itself, or lets people start it. What is nil, or empty, does not.
//
// There is one block of each kind, but any number of schedules and of pipelines to follow. A field of an event that is null for
// one kind of them:
//
//	push of a branch   tag, pull_request
//	push of a tag      branch, pull_request, changed where the tag is new
//	pull_request       branch, tag
//	tag                branch, pull_request, changed
//	schedule           tag, pull_request, changed
//	manual, pipeline   pull_request, changed, and tag or branch or, for a commit, both
type triggers struct {
	push        *pushOn
	pullRequest *pullRequestOn
	tag         *tagOn
	schedules   []scheduleOn
	manual      bool
	sources     []sourceOn
}

// pushOn says which pushes start a pipeline. Without branches and tags all do; with one of them, only what it matches. The
// tags are on "tag"'s, where there is one.
type pushOn struct {
	branches, tags, paths globs
	hasBranches, hasTags  bool
	ofTags                bool
}

func (on *pushOn) ofBranches() bool { return on.hasBranches || !on.hasTags }

type pullRequestOn struct{ target, paths globs }

type tagOn struct{ names globs }

type scheduleOn struct {
	Schedule
	at place
}

type sourceOn struct {
	pipeline string
	at       place
}

// kinds are the kinds of events that start the pipeline.
func (t triggers) kinds() []string {
	var kinds []string
	for _, k := range []struct {
		kind string
		on   bool
	}{
		{KindPush, t.push != nil}, {KindPullRequest, t.pullRequest != nil}, {KindTag, t.tag != nil},
		{KindSchedule, len(t.schedules) > 0}, {KindManual, t.manual}, {KindPipeline, len(t.sources) > 0},
	} {
		if k.on {
			kinds = append(kinds, k.kind)
		}
	}
	return kinds
}

// automatic names something that starts the pipeline without anybody who could give inputs; empty if nothing does.
func (t triggers) automatic() string {
	switch {
	case t.push != nil:
		return "a push"
	case t.pullRequest != nil:
		return "a pull request"
	case t.tag != nil:
		return "the push of a tag"
	case len(t.schedules) > 0:
		return "a schedule"
	case len(t.sources) > 0:
		return "another pipeline"
	}
	return ""
}

func (t triggers) schedulesInfo() []Schedule {
	var list []Schedule
	for _, on := range t.schedules {
		list = append(list, on.Schedule)
	}
	return list
}

func (t triggers) sourceNames() []string {
	var names []string
	for _, on := range t.sources {
		names = append(names, on.pipeline)
	}
	return names
}

// triggers builds the on blocks of a pipeline.
func (b *builder) triggers(n *node) triggers {
	var t triggers
	for _, on := range n.all("on") {
		switch on.spec.Event {
		case KindPush:
			t.push = b.pushOn(on)
		case KindPullRequest:
			t.pullRequest = &pullRequestOn{target: b.globs(on, "target"), paths: b.globs(on, "paths")}
		case KindTag:
			t.tag = &tagOn{names: b.globs(on, "names")}
		case KindSchedule:
			b.scheduleOn(&t, on)
		case KindManual:
			t.manual = true
		case KindPipeline:
			b.sourceOn(&t, on)
		}
	}
	if t.push != nil {
		t.push.ofTags = t.push.hasTags || !t.push.hasBranches && t.tag == nil
	}
	if t.push != nil && t.push.hasTags && t.tag != nil {
		b.ps.add(codeConflict, tagsPlace(n), "Tags twice", `on "tag" says which tags start this pipeline, so "tags" of on "push" cannot as well. Keep one of them.`)
	}
	return t
}

// tagsPlace is where on "push" names tags.
func tagsPlace(n *node) place {
	for _, on := range n.all("on") {
		if a := on.args["tags"]; on.spec.Event == KindPush && a != nil {
			return a.at
		}
	}
	return n.at
}

func (b *builder) pushOn(n *node) *pushOn {
	return &pushOn{
		hasBranches: n.args["branches"] != nil, hasTags: n.args["tags"] != nil,
		branches: b.globs(n, "branches"), tags: b.globs(n, "tags"), paths: b.globs(n, "paths"),
	}
}

func (b *builder) scheduleOn(t *triggers, n *node) {
	expr, v := b.text(n, "cron")
	zone, zoneAt := b.text(n, "timezone")
	if v == nil || zoneAt == nil && n.args["timezone"] != nil {
		return // reported
	}
	on := scheduleOn{Schedule{Cron: strings.Join(strings.Fields(expr), " "), Timezone: zone}, n.nameAt}
	if zone == "" {
		on.Timezone = "UTC"
	}
	if zoneAt != nil {
		if _, err := loadZone(zone); err != nil {
			b.ps.add(codeSchedule, zoneAt.at, "Unknown time zone", "%s", sentence(err))
			return
		}
	}
	if _, err := on.Next(time.Unix(0, 0)); err != nil { // leap years come in every century
		b.ps.add(codeSchedule, v.at, "Invalid schedule", "%s", sentence(err))
		return
	}
	for _, other := range t.schedules {
		if other.Schedule == on.Schedule {
			b.ps.add(codeDuplicate, on.at, "Declared twice", "There is already the same schedule at %s.", other.at)
			return
		}
	}
	t.schedules = append(t.schedules, on)
}

func (b *builder) sourceOn(t *triggers, n *node) {
	name, v := b.text(n, "source")
	if v == nil {
		return // reported
	}
	for _, other := range t.sources {
		if other.pipeline == name {
			b.ps.add(codeDuplicate, v.at, "Declared twice", "This pipeline is already started by %q, at %s.", name, other.at)
			return
		}
	}
	t.sources = append(t.sources, sourceOn{name, v.at})
}

// sources checks which pipelines start each other, once all are built: each must exist, and none may lead back to itself.
func (b *builder) sources() {
	var names []string
	byName := map[string]*pipeline{}
	for _, p := range b.config.pipelines {
		names = append(names, p.name)
		byName[p.name] = p
	}
	for _, p := range b.config.pipelines {
		for _, on := range p.on.sources {
			if byName[on.pipeline] == nil {
				b.ps.add(codePipeline, on.at, "Unknown pipeline", "There is no pipeline %q in these files.%s", on.pipeline, didYouMean(on.pipeline, names))
			}
		}
	}
	cycle := plan.Cycle(names, func(name string) []string {
		if p := byName[name]; p != nil {
			return p.on.sourceNames()
		}
		return nil
	})
	if cycle == nil {
		return
	}
	var lines strings.Builder
	var first place
	for i, name := range cycle {
		next := cycle[(i+1)%len(cycle)]
		at := byName[name].on.sourcePlace(next)
		if i == 0 {
			first = at
		}
		lines.WriteString("\n  " + name + " is started by " + next + " (" + at.String() + ")")
	}
	b.ps.add(codePipelineCycle, first, "Cycle between pipelines", "These start each other, so they would never end:%s", lines.String())
}

func (t triggers) sourcePlace(name string) place {
	for _, on := range t.sources {
		if on.pipeline == name {
			return on.at
		}
	}
	return place{}
}
