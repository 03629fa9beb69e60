package dsl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
)

// onBlocks are pipelines with those on blocks, by name.
func onBlocks(blocks ...string) []dsl.File {
	var b strings.Builder
	for i := 0; i < len(blocks); i += 2 {
		b.WriteString("pipeline \"" + blocks[i] + "\" {\n" + blocks[i+1] + "\njob \"a\" {\n image = \"alpine:3.20\"\n activity \"x\" { script = \"true\" }\n}\n}\n")
	}
	return []dsl.File{{Name: "ci.hcl", Data: []byte(b.String())}}
}

func TestTriggersOfPipelines(t *testing.T) {
	config, problems := dsl.Parse(onBlocks(
		"ci", "on \"push\" { branches = [\"main\"] }\non \"pull_request\" {}\non \"tag\" {}\non \"manual\" {}",
		"nightly", "on \"schedule\" { cron = \"0 4 * * *\" }\non \"schedule\" {\n cron = \"0  5 * * 1-5\"\n timezone = \"Europe/Berlin\"\n}",
		"report", "on \"pipeline\" { source = \"ci\" }\non \"pipeline\" { source = \"nightly\" }",
	))
	if config == nil {
		t.Fatal(rendered(t, problems, false))
	}
	want := []dsl.PipelineInfo{
		{Name: "ci", Triggers: []string{"push", "pull_request", "tag", "manual"}},
		{Name: "nightly", Triggers: []string{"schedule"}, Schedules: []dsl.Schedule{{Cron: "0 4 * * *", Timezone: "UTC"}, {Cron: "0 5 * * 1-5", Timezone: "Europe/Berlin"}}},
		{Name: "report", Triggers: []string{"pipeline"}, Sources: []string{"ci", "nightly"}},
	}
	if diff := cmp.Diff(want, config.Pipelines()); diff != "" {
		t.Errorf("pipelines (-want +got):\n%s", diff)
	}
	matches := config.Match(dsl.Event{Kind: dsl.KindPipeline, Source: "nightly"})
	if !matches[2].Starts || matches[0].Starts || matches[2].Reason != "pipeline nightly passed" {
		t.Errorf("matches of a pipeline's end: %+v", matches)
	}
}

func TestTriggerMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		files []dsl.File
		want  string // code, place and part of the text
	}{
		"Cron":          {onBlocks("p", "on \"schedule\" { cron = \"61 * * * *\" }"), `E309 2 The minute "61" holds "61", which must be a number from 0 to 59.`},
		"CronNever":     {onBlocks("p", "on \"schedule\" { cron = \"0 0 30 2 *\" }"), `E309 2 The expression names no day that exists.`},
		"Zone":          {onBlocks("p", "on \"schedule\" {\n cron = \"0 0 * * *\"\n timezone = \"Berlin\"\n}"), `E309 4 There is no time zone "Berlin"; write one such as "UTC" or "Europe/Berlin".`},
		"SameSchedule":  {onBlocks("p", "on \"schedule\" { cron = \"0 0 * * *\" }\non \"schedule\" {\n cron = \"0 0  * * *\"\n timezone = \"UTC\"\n}"), "E210 3 There is already the same schedule at ci.hcl:2."},
		"UnknownSource": {onBlocks("build", "on \"push\" {}", "p", "on \"pipeline\" { source = \"biuld\" }"), `E221 9 There is no pipeline "biuld" in these files. Did you mean "build"?`},
		"SameSource":    {onBlocks("build", "on \"push\" {}", "p", "on \"pipeline\" { source = \"build\" }\non \"pipeline\" { source = \"build\" }"), `E210 10 This pipeline is already started by "build", at ci.hcl:9.`},
		"Self":          {onBlocks("p", "on \"pipeline\" { source = \"p\" }"), "E603 2 These start each other, so they would never end:\n  p is started by p (ci.hcl:2)"},
		"Cycle":         {onBlocks("a", "on \"pipeline\" { source = \"b\" }", "b", "on \"pipeline\" { source = \"a\" }"), "E603 2 These start each other, so they would never end:\n  a is started by b (ci.hcl:2)\n  b is started by a (ci.hcl:9)"},
		"TagsTwice":     {onBlocks("p", "on \"push\" { tags = [\"v*\"] }\non \"tag\" {}"), `E214 2 on "tag" says which tags start this pipeline`},
		"PushTwice":     {onBlocks("p", "on \"push\" {}\non \"push\" {}"), `E210 3 There is already a block on "push" at ci.hcl:2.`},
		"SourceLater":   {onBlocks("p", "on \"pipeline\" { source = event.branch }"), `E404 2`},
		"InputOfClock":  {onBlocks("p", "on \"schedule\" { cron = \"0 0 * * *\" }\ninput \"x\" {}"), `E208 3 A schedule starts pipeline "p" as well, and gives no inputs.`},
	} {
		t.Run(name, func(t *testing.T) {
			problems := dsl.Check(c.files)
			got := ""
			if len(problems) > 0 {
				got = problems[0].Code + " " + string(rune('0'+problems[0].Start.Line%10)) + " " + problems[0].Detail
			}
			want := strings.Replace(c.want, " 10 ", " 0 ", 1)
			if len(problems) != 1 || !strings.HasPrefix(got, want) {
				t.Errorf("problem is %q (of %d), want %q", got, len(problems), c.want)
			}
		})
	}
}
