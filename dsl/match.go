package dsl

import "fmt"

// Match says of each pipeline whether an event starts it, and why or why not.
func (c *Config) Match(ev Event) []Match {
	matches := make([]Match, len(c.pipelines))
	for i, p := range c.pipelines {
		starts, reason := p.on.match(ev)
		matches[i] = Match{Pipeline: p.name, Starts: starts, Reason: reason}
	}
	return matches
}

func (t triggers) match(ev Event) (starts bool, reason string) {
	none := fmt.Sprintf("the pipeline has no on %q", ev.Kind)
	switch ev.Kind {
	case KindPush:
		if t.push == nil {
			return false, none
		}
		return t.push.match(ev)
	case KindPullRequest:
		if t.pullRequest == nil {
			return false, none
		}
		return t.pullRequest.match(ev)
	case KindTag:
		if t.tag == nil {
			return false, none
		}
		return matchRef("tag", ev.Tag, t.tag.names)
	case KindSchedule:
		for _, on := range t.schedules {
			if on.String() == ev.Schedule {
				return true, "it is time: " + ev.Schedule
			}
		}
		return false, fmt.Sprintf("the pipeline has no schedule %q", ev.Schedule)
	case KindManual:
		if !t.manual {
			return false, none
		}
		return true, "started by hand"
	case KindPipeline:
		if t.sourcePlace(ev.Source) == (place{}) {
			return false, fmt.Sprintf("the pipeline is not started by %q", ev.Source)
		}
		return true, fmt.Sprintf("pipeline %s passed", ev.Source)
	}
	return false, fmt.Sprintf("no pipeline is started by the event %q", ev.Kind)
}

func (on *pushOn) match(ev Event) (starts bool, reason string) {
	const otherwise = "%s %s: the pipeline does not start for pushes of this kind"
	switch {
	case ev.Tag != "" && !on.ofTags:
		return false, fmt.Sprintf(otherwise, "tag", ev.Tag)
	case ev.Tag != "":
		starts, reason = matchRef("tag", ev.Tag, on.tags)
	case ev.Branch == "":
		return false, "the push is neither to a branch nor of a tag"
	case !on.ofBranches():
		return false, fmt.Sprintf(otherwise, "branch", ev.Branch)
	default:
		starts, reason = matchRef("branch", ev.Branch, on.branches)
	}
	return matchPaths(starts, reason, on.paths, ev.Changed)
}

func (on *pullRequestOn) match(ev Event) (starts bool, reason string) {
	if ev.PullRequest == nil {
		return false, "the event has no pull request"
	}
	starts, reason = matchRef("target", ev.PullRequest.TargetBranch, on.target)
	return matchPaths(starts, reason, on.paths, ev.Changed)
}

// matchRef matches a name; no patterns match every name.
func matchRef(what, name string, patterns globs) (bool, string) {
	switch {
	case len(patterns) == 0:
		return true, fmt.Sprintf("%s %s", what, name)
	case patterns.match(name):
		return true, fmt.Sprintf("%s %s matches %s", what, name, patterns)
	}
	return false, fmt.Sprintf("%s %s does not match %s", what, name, patterns)
}

// matchPaths looks at the changed files, if the rest of the event matches and there are patterns for them.
func matchPaths(starts bool, reason string, patterns globs, changed []string) (bool, string) {
	if !starts || len(patterns) == 0 {
		return starts, reason
	}
	if changed == nil {
		return true, reason + "; the changed files are not known"
	}
	for _, path := range changed {
		if patterns.match(path) {
			return true, fmt.Sprintf("%s; %s matches %s", reason, path, patterns)
		}
	}
	return false, fmt.Sprintf("no changed file matches %s", patterns)
}

// InputCodes are the codes of mistakes in the inputs of a request, which are not mistakes of the files.
func InputCodes() []string {
	return []string{string(codeInput), string(codeMissingInput), string(codeValue)}
}
