package dsl_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
)

func TestMatch(t *testing.T) {
	const tail = "\n job \"a\" {\n  image = \"alpine:3.20\"\n  activity \"x\" { script = \"true\" }\n }\n}\n"
	push := func(branch, tag string, changed ...string) dsl.Event {
		return dsl.Event{Kind: dsl.KindPush, Branch: branch, Tag: tag, Changed: changed}
	}
	pullRequest := func(target string, changed ...string) dsl.Event {
		return dsl.Event{Kind: dsl.KindPullRequest, PullRequest: &dsl.PullRequest{TargetBranch: target}, Changed: changed}
	}
	scheduled := func(cron string) dsl.Event { return dsl.Event{Kind: dsl.KindSchedule, Branch: "main", Schedule: cron} }
	onSchedule := func(cron string) string { return "on \"schedule\" { cron = \"" + cron + "\" }" }
	const berlin = "on \"schedule\" {\n  cron     = \"0  5 * * *\"\n  timezone = \"Europe/Berlin\"\n }"
	cases := map[string]struct {
		on     string
		event  dsl.Event
		starts bool
		reason string
	}{
		"AnyBranch":    {`on "push" {}`, push("dev", ""), true, "branch dev"},
		"AnyTag":       {`on "push" {}`, push("", "v1"), true, "tag v1"},
		"Branch":       {`on "push" { branches = ["main", "rel/*"] }`, push("rel/1", ""), true, "branch rel/1 matches main, rel/*"},
		"OtherBranch":  {`on "push" { branches = ["main"] }`, push("dev", ""), false, "branch dev does not match main"},
		"SubBranch":    {`on "push" { branches = ["rel/*"] }`, push("rel/1/2", ""), false, "branch rel/1/2 does not match rel/*"},
		"DeepBranch":   {`on "push" { branches = ["rel/**"] }`, push("rel/1/2", ""), true, "branch rel/1/2 matches rel/**"},
		"NotBranch":    {`on "push" { branches = ["!dependabot/**"] }`, push("dependabot/go", ""), false, "branch dependabot/go does not match !dependabot/**"},
		"OnlyBranches": {`on "push" { branches = ["main"] }`, push("", "v1"), false, "tag v1: the pipeline does not start for pushes of this kind"},
		"OnlyTags":     {`on "push" { tags = ["v*"] }`, push("main", ""), false, "branch main: the pipeline does not start for pushes of this kind"},
		"Path":         {`on "push" { paths = ["docs/**"] }`, push("main", "", "a.go", "docs/b/c.md"), true, "branch main; docs/b/c.md matches docs/**"},
		"NoPath":       {`on "push" { paths = ["docs/**"] }`, push("main", "", "a.go"), false, "no changed file matches docs/**"},
		"UnknownPaths": {`on "push" { paths = ["docs/**"] }`, push("main", ""), true, "branch main; the changed files are not known"},
		"Manual":       {`on "manual" {}`, dsl.Event{Kind: dsl.KindManual}, true, "started by hand"},
		"NotManual":    {`on "push" {}`, dsl.Event{Kind: dsl.KindManual}, false, `the pipeline has no on "manual"`},
		"NotPush":      {`on "manual" {}`, push("main", ""), false, `the pipeline has no on "push"`},
		"OtherKind":    {`on "push" {}`, dsl.Event{Kind: "moon"}, false, `no pipeline is started by the event "moon"`},

		"PullRequest":         {`on "pull_request" {}`, pullRequest("main"), true, "target main"},
		"PullRequestTarget":   {`on "pull_request" { target = ["rel/*"] }`, pullRequest("main"), false, "target main does not match rel/*"},
		"PullRequestPath":     {`on "pull_request" { paths = ["*.go"] }`, pullRequest("main", "a.go"), true, "target main; a.go matches *.go"},
		"PullRequestNoPath":   {`on "pull_request" { paths = ["*.go"] }`, pullRequest("main", "a.md"), false, "no changed file matches *.go"},
		"NotPullRequest":      {`on "push" {}`, pullRequest("main"), false, `the pipeline has no on "pull_request"`},
		"Tag":                 {`on "tag" {}`, dsl.Event{Kind: dsl.KindTag, Tag: "v1"}, true, "tag v1"},
		"TagName":             {`on "tag" { names = ["v*", "!*-rc*"] }`, dsl.Event{Kind: dsl.KindTag, Tag: "v1-rc1"}, false, "tag v1-rc1 does not match v*, !*-rc*"},
		"NotTag":              {`on "push" {}`, dsl.Event{Kind: dsl.KindTag, Tag: "v1"}, false, `the pipeline has no on "tag"`},
		"TagsOfPushAreOnTags": {"on \"push\" {}\n on \"tag\" { names = [\"v*\"] }", push("", "x"), false, "tag x: the pipeline does not start for pushes of this kind"},
		"Schedule":            {onSchedule("0 4 * * *"), scheduled("0 4 * * *"), true, "it is time: 0 4 * * *"},
		"SecondSchedule":      {onSchedule("0 4 * * *") + "\n" + berlin, scheduled("0 5 * * * Europe/Berlin"), true, "it is time: 0 5 * * * Europe/Berlin"},
		"OtherZone":           {berlin, scheduled("0 5 * * *"), false, `the pipeline has no schedule "0 5 * * *"`},
		"NotSchedule":         {`on "push" {}`, scheduled("0 4 * * *"), false, `the pipeline has no schedule "0 4 * * *"`},
		"NotPipeline":         {`on "push" {}`, dsl.Event{Kind: dsl.KindPipeline, Source: "q"}, false, `the pipeline is not started by "q"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			config, problems := dsl.Parse([]dsl.File{{Name: "ci.hcl", Data: []byte("pipeline \"p\" {\n " + c.on + tail)}})
			if config == nil {
				t.Fatal(rendered(t, problems, false))
			}
			want := []dsl.Match{{Pipeline: "p", Starts: c.starts, Reason: c.reason}}
			if diff := cmp.Diff(want, config.Match(c.event)); diff != "" {
				t.Errorf("match (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPipelines(t *testing.T) {
	config, problems := dsl.Parse([]dsl.File{{Name: "ci.hcl", Data: []byte(`
pipeline "deploy" {
  description = "to somewhere"
  on "manual" {}
  input "n" {
    type    = number
    default = 2.5
    choices = [1, 2.5]
  }
  input "who" { description = "a name" }
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
`)}})
	if config == nil {
		t.Fatal(rendered(t, problems, false))
	}
	want := []dsl.PipelineInfo{{Name: "deploy", Description: "to somewhere", Triggers: []string{"manual"}, Inputs: []dsl.InputInfo{
		{Name: "n", Type: "number", Default: "2.5", Choices: []string{"1", "2.5"}},
		{Name: "who", Type: "string", Description: "a name", Required: true},
	}}}
	if diff := cmp.Diff(want, config.Pipelines()); diff != "" {
		t.Errorf("pipelines (-want +got):\n%s", diff)
	}
}

// TestRunIDUnknown makes sure that a plan never holds a made-up number of a run.
func TestRunIDUnknown(t *testing.T) {
	config, problems := dsl.Parse([]dsl.File{{Name: "ci.hcl", Data: []byte(`
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" { command = ["echo", "${run.id}"] }
  }
}
`)}})
	if config == nil {
		t.Fatal(rendered(t, problems, false))
	}
	ev := pushTo("main")
	ev.Run.ID = 0
	if made, problems := config.Compile("ci", ev, nil); made != nil || len(problems) != 1 || problems[0].Code != "E407" {
		t.Errorf("plan = %+v, problems %+v", made, problems)
	}
}

func TestFormatColor(t *testing.T) {
	problems := dsl.Check([]dsl.File{{Name: "ci.hcl", Data: []byte("pipeline \"ci\" {\n\ton \"push\" {}\n\tjbo \"a\" {}\n}\n")}})
	want := "\x1b[1;31merror[E220]\x1b[0m: \x1b[1mNo jobs\x1b[0m\n \x1b[2m-->\x1b[0m ci.hcl:1:10\n" +
		"\x1b[2m1\x1b[0m \x1b[2m|\x1b[0m pipeline \"ci\" {\n  \x1b[2m|\x1b[0m \x1b[1;31m         ^^^^\x1b[0m\n" +
		"  pipeline \"ci\" has no jobs. Write job \"build\" { ... }.\n\n" +
		"\x1b[1;31merror[E212]\x1b[0m: \x1b[1mUnknown block\x1b[0m\n \x1b[2m-->\x1b[0m ci.hcl:3:2\n" +
		"\x1b[2m3\x1b[0m \x1b[2m|\x1b[0m     jbo \"a\" {}\n  \x1b[2m|\x1b[0m \x1b[1;31m    ^^^\x1b[0m\n" +
		"  There is no block \"jbo\" in pipeline \"ci\". Did you mean \"job\"?\n"
	if diff := cmp.Diff(want, rendered(t, problems, true)); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}
