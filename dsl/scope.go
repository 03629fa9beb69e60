package dsl

import (
	"math/big"

	"github.com/zclconf/go-cty/cty"
)

// A variant is a kind of events, as far as it decides what is null.
type variant struct {
	name        string // completes "it is null for ..."
	kind        string // empty: any
	branch, tag bool   // the event has one
}

// variants are the kinds of events that start a pipeline. The first stands for all of them, with nothing null, so that
// mistakes that have to do with null can be told from others.
func (p *pipeline) variants() []variant {
	list := []variant{{branch: true, tag: true}}
	if p.push != nil && p.push.ofBranches() {
		list = append(list, variant{name: "a push to a branch", kind: KindPush, branch: true})
	}
	if p.push != nil && p.push.ofTags() {
		list = append(list, variant{name: "a push of a tag", kind: KindPush, tag: true})
	}
	if p.manual {
		list = append(list,
			variant{name: "a manual start on a branch", kind: KindManual, branch: true},
			variant{name: "a manual start on a tag", kind: KindManual, tag: true},
			variant{name: "a manual start on a commit", kind: KindManual})
	}
	return list
}

// unknownRoots are the values of the roots before there is an event.
func unknownRoots(v variant, inputs []*input) (roots map[string]cty.Value, absent map[string]string) {
	text := cty.UnknownVal(cty.String).RefineNotNull()
	event := map[string]cty.Value{"kind": text, "commit": text, "branch": text, "tag": text, "actor": text, "message": text}
	absent = map[string]string{}
	if v.kind != "" {
		event["kind"] = cty.StringVal(v.kind)
	}
	if !v.branch {
		event["branch"], absent["event.branch"] = cty.NullVal(cty.String), v.name
	}
	if !v.tag {
		event["tag"], absent["event.tag"] = cty.NullVal(cty.String), v.name
	}
	given := map[string]cty.Value{}
	for _, in := range inputs {
		given[in.name] = cty.UnknownVal(in.typ).RefineNotNull()
	}
	return map[string]cty.Value{
		"event": cty.ObjectVal(event),
		"repo":  cty.ObjectVal(map[string]cty.Value{"name": text, "url": text, "default_branch": text}),
		"run":   cty.ObjectVal(map[string]cty.Value{"id": cty.UnknownVal(cty.Number).RefineNotNull()}),
		"input": cty.ObjectVal(given),
	}, absent
}

// knownRoots are the values of the roots for an event.
func knownRoots(ev Event, inputs map[string]cty.Value) (roots map[string]cty.Value, absent map[string]string) {
	absent = map[string]string{}
	optional := func(name, text, why string) cty.Value {
		if text == "" {
			absent[name] = why
			return cty.NullVal(cty.String)
		}
		return cty.StringVal(text)
	}
	message := ev.Message
	if message == "" {
		message = ev.Title
	}
	id := cty.NumberVal(new(big.Float).SetInt64(ev.Run.ID))
	if ev.Run.ID == 0 {
		id, absent["run.id"] = cty.NullVal(cty.Number), "the plan is made before the run gets its number"
	}
	return map[string]cty.Value{
		"event": cty.ObjectVal(map[string]cty.Value{
			"kind": cty.StringVal(ev.Kind), "commit": cty.StringVal(ev.Commit),
			"branch": optional("event.branch", ev.Branch, "this event, which is about no branch"),
			"tag":    optional("event.tag", ev.Tag, "this event, which is about no tag"),
			"actor":  cty.StringVal(ev.Actor), "message": cty.StringVal(message),
		}),
		"repo": cty.ObjectVal(map[string]cty.Value{
			"name": cty.StringVal(ev.Repo.Name), "url": cty.StringVal(ev.Repo.URL), "default_branch": cty.StringVal(ev.Repo.DefaultBranch),
		}),
		"run":   cty.ObjectVal(map[string]cty.Value{"id": id}),
		"input": cty.ObjectVal(inputs),
	}, absent
}
