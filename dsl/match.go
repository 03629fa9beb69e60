package dsl

import "fmt"

// Match says of each pipeline whether an event starts it, and why or why not.
func (c *Config) Match(ev Event) []Match {
	matches := make([]Match, len(c.pipelines))
	for i, p := range c.pipelines {
		starts, reason := p.match(ev)
		matches[i] = Match{Pipeline: p.name, Starts: starts, Reason: reason}
	}
	return matches
}

func (p *pipeline) match(ev Event) (starts bool, reason string) {
	switch ev.Kind {
	case KindManual:
		if !p.manual {
			return false, `the pipeline has no on "manual"`
		}
		return true, "started by hand"
	case KindPush:
		if p.push == nil {
			return false, `the pipeline has no on "push"`
		}
		return p.push.match(ev)
	}
	return false, fmt.Sprintf("no pipeline is started by the event %q", ev.Kind)
}

func (t *pushTrigger) match(ev Event) (starts bool, reason string) {
	switch {
	case ev.Tag != "":
		starts, reason = matchRef("tag", ev.Tag, t.ofTags(), t.hasTags, t.tags)
	case ev.Branch != "":
		starts, reason = matchRef("branch", ev.Branch, t.ofBranches(), t.hasBranches, t.branches)
	default:
		return false, "the push is neither to a branch nor of a tag"
	}
	if !starts || len(t.paths) == 0 {
		return starts, reason
	}
	if ev.Changed == nil {
		return true, reason + "; the changed files are not known"
	}
	for _, path := range ev.Changed {
		if t.paths.match(path) {
			return true, fmt.Sprintf("%s; %s matches %s", reason, path, t.paths)
		}
	}
	return false, fmt.Sprintf("no changed file matches %s", t.paths)
}

func matchRef(what, name string, counts, limited bool, patterns globs) (bool, string) {
	switch {
	case !counts:
		return false, fmt.Sprintf("%s %s: the pipeline does not start for pushes of this kind", what, name)
	case !limited:
		return true, fmt.Sprintf("%s %s", what, name)
	case patterns.match(name):
		return true, fmt.Sprintf("%s %s matches %s", what, name, patterns)
	}
	return false, fmt.Sprintf("%s %s does not match %s", what, name, patterns)
}
