package dsl

import (
	"math/big"

	"github.com/zclconf/go-cty/cty"
)

// A variant is a kind of events, as far as it decides what is null.
type variant struct {
	name                              string // completes "it is null for ..."
	kind                              string // empty: any
	kindName                          string // the same for what no event of the kind has
	branch, tag, pullRequest, changed bool   // the event has one
}

// parts are what of an event depends on its kind, as a set.
type parts uint8

const (
	partKind parts = 1 << iota
	partBranch
	partTag
	partPullRequest
	partChanged
)

func partOf(name string) parts {
	switch name {
	case "kind":
		return partKind
	case "branch":
		return partBranch
	case "tag":
		return partTag
	case "pull_request":
		return partPullRequest
	case "changed":
		return partChanged
	}
	return 0
}

// A look is a value as it is for some variants: all those in which what it depends on is the same.
type look struct {
	v     *value
	there parts
	kind  string
}

// lookOf answers how a variant looks to a value.
func (v variant) lookOf(of *value) look {
	l := look{v: of}
	for i, there := range [...]bool{v.branch, v.tag, v.pullRequest, v.changed} {
		if part := partBranch << i; there && of.varies&part != 0 {
			l.there |= part
		}
	}
	if of.varies&partKind != 0 {
		l.kind = v.kind
	}
	return l
}

// variants are the kinds of events that start a pipeline. The first stands for all of them, with nothing null, so that
// mistakes that have to do with null can be told from others. What changed is sure for no kind.
func (p *pipeline) variants() []variant {
	list := []variant{{branch: true, tag: true, pullRequest: true, changed: true}}
	add := func(on bool, kind, what string, v variant) {
		if on {
			v.kind, v.name, v.kindName = kind, what, `"`+kind+`"`
			if at, ok := p.onAt[kind]; ok {
				line := " (line " + itoa(at.src.line(at.start)+1) + ")"
				v.name, v.kindName = v.name+line, v.kindName+line
			}
			list = append(list, v)
		}
	}
	push, manual := p.on.push, p.on.manual
	add(push != nil && push.ofBranches(), KindPush, `"push" to a branch`, variant{branch: true})
	add(push != nil && push.ofTags, KindPush, `"push" of a tag`, variant{tag: true})
	add(p.on.pullRequest != nil, KindPullRequest, `"pull_request"`, variant{pullRequest: true})
	add(p.on.tag != nil, KindTag, `"tag"`, variant{tag: true})
	add(len(p.on.schedules) > 0, KindSchedule, `"schedule"`, variant{branch: true})
	add(manual, KindManual, `"manual" on a branch`, variant{branch: true})
	add(manual, KindManual, `"manual" on a tag`, variant{tag: true})
	add(manual, KindManual, `"manual" on a commit`, variant{})
	add(len(p.on.sources) > 0, KindPipeline, `"pipeline" on a branch`, variant{branch: true})
	add(len(p.on.sources) > 0, KindPipeline, `"pipeline" on a tag`, variant{tag: true})
	return list
}

func pullRequestType() map[string]cty.Type {
	return map[string]cty.Type{
		"number": cty.Number, "title": cty.String, "source_branch": cty.String, "target_branch": cty.String, "from_fork": cty.Bool,
	}
}

// unknownRoots are the values of the roots before there is an event.
func unknownRoots(v variant) (roots map[string]cty.Value, absent map[string]string) {
	text, number := unknownText(), unknownOf(cty.Number)
	event := map[string]cty.Value{
		"kind": text, "commit": text, "branch": text, "tag": text, "actor": text, "message": text,
		"pull_request": unknownObject(pullRequestType()), "changed": unknownOf(cty.List(cty.String)),
	}
	absent = map[string]string{}
	if v.kind != "" {
		event["kind"] = cty.StringVal(v.kind)
	}
	for name, there := range map[string]bool{"branch": v.branch, "tag": v.tag, "pull_request": v.pullRequest, "changed": v.changed} {
		if !there {
			event[name], absent["event."+name] = cty.NullVal(event[name].Type()), v.name
		}
	}
	if !v.pullRequest {
		absent["event.pull_request"] = v.kindName
	}
	if v.kind == KindPush && v.branch || v.kind == KindPullRequest {
		absent["event.changed"] = v.name + " if nobody knows what changed, as with a new branch"
	}
	return map[string]cty.Value{
		"event": cty.ObjectVal(event),
		"repo":  cty.ObjectVal(map[string]cty.Value{"name": text, "owner": text, "url": text, "default_branch": text}),
		"run":   cty.ObjectVal(map[string]cty.Value{"id": number, "number": number, "url": text, "started_at": text}),
	}, absent
}

// knownRoots are the values of the roots for an event.
func knownRoots(ev Event) (roots map[string]cty.Value, absent map[string]string) {
	absent = map[string]string{}
	optional := func(name, text, why string) cty.Value {
		if text == "" {
			absent[name] = why
		}
		return textOrNull(text)
	}
	message := ev.Message
	if message == "" {
		message = ev.Title
	}
	const noRun = "the plan is made before the run gets its number"
	id := number(ev.Run.ID)
	if ev.Run.ID == 0 {
		id = cty.NullVal(cty.Number)
		absent["run.id"], absent["run.number"] = noRun, noRun
	}
	pull := cty.NullVal(cty.Object(pullRequestType()))
	if pr := ev.PullRequest; pr != nil {
		pull = cty.ObjectVal(map[string]cty.Value{
			"number": number(pr.Number), "title": cty.StringVal(pr.Title), "source_branch": cty.StringVal(pr.SourceBranch),
			"target_branch": cty.StringVal(pr.TargetBranch), "from_fork": cty.BoolVal(pr.FromFork),
		})
	} else {
		absent["event.pull_request"] = "this event, which is about no pull request"
	}
	changed := cty.NullVal(cty.List(cty.String))
	if ev.Changed == nil {
		absent["event.changed"] = "this event, of which nobody knows what it changed"
	} else {
		changed = textList(ev.Changed)
	}
	return map[string]cty.Value{
		"event": cty.ObjectVal(map[string]cty.Value{
			"kind": cty.StringVal(ev.Kind), "commit": cty.StringVal(ev.Commit),
			"branch": optional("event.branch", ev.Branch, "this event, which is about no branch"),
			"tag":    optional("event.tag", ev.Tag, "this event, which is about no tag"),
			"actor":  cty.StringVal(ev.Actor), "message": cty.StringVal(message), "pull_request": pull, "changed": changed,
		}),
		"repo": cty.ObjectVal(map[string]cty.Value{
			"name": cty.StringVal(ev.Repo.Name), "owner": cty.StringVal(ev.Repo.Owner), "url": cty.StringVal(ev.Repo.URL),
			"default_branch": cty.StringVal(ev.Repo.DefaultBranch),
		}),
		"run": cty.ObjectVal(map[string]cty.Value{
			"id": id, "number": id, "url": optional("run.url", ev.Run.URL, noRun), "started_at": optional("run.started_at", ev.Run.StartedAt, noRun),
		}),
	}, absent
}

func number(n int64) cty.Value { return cty.NumberVal(new(big.Float).SetInt64(n)) }

func textList(texts []string) cty.Value {
	if len(texts) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	values := make([]cty.Value, len(texts))
	for i, t := range texts {
		values[i] = cty.StringVal(t)
	}
	return cty.ListVal(values)
}
