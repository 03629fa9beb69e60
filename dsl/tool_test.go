package dsl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

const sharedFile = `variable "region" {
  type        = string
  description = "where it goes"
}
secret "token" {}
locals {
  release = event.branch == "main"
}
activity "scan" {
  input "level" {
    type = number
  }
  output "report" { type = string }
  image   = "scan:${input.level}"
  command = ["scan"]
}
`

const editedFile = `pipeline "ci" {
  on "push" { branches = ["main"] }
  input "level" {
    type    = number
    default = 3
  }
  job "test" {
    matrix {
      axes = { go = ["1.25", "1.26"], db = ["15"] }
    }
    image = "golang:${matrix.go}"
    activity "unit" {
      script = "go test ${A:-b}"
      output "cover" { type = number }
    }
    activity "scan" {
      use  = def.scan
      with = { level = input.level }
    }
    output "coverage" { value = activity.unit.outputs.cover }
    output "report"   { value = activity.scan.outputs.report }
  }
  approval "release" {
    needs = [job.test]
  }
  job "other" {
    image = "alpine:3.19"
    activity "x" { script = "true" }
    output "names" { value = [for n in ["a", "b"] : upper(n)] }
  }
  job "deploy" {
    needs = [approval.release]
    image = "alpine:3.20"
    when  = local.release
    env   = { TOKEN = secret.token, REGION = var.region, ALL = join(",", [for r in job.test.each : r.matrix.go]) }
    activity "go" { script = "true" }
  }
}
`

// folder holds both files; § in the text of the edited one is taken out, and its offset answered.
func folder(t *testing.T, edited string) (*dsl.Folder, int) {
	t.Helper()
	before, after, found := strings.Cut(edited, "§")
	if !found {
		t.Fatal("no § in the text")
	}
	f := dsl.NewFolder()
	f.Set(dsl.File{Name: ".tutti/shared.hcl", Data: []byte(sharedFile)})
	f.Set(dsl.File{Name: ".tutti/ci.hcl", Data: []byte(before + after)})
	return f, len(before)
}

// typing is the edited file with other text in place of a part of it.
func typing(t *testing.T, old, written string) string {
	t.Helper()
	if strings.Count(editedFile, old) != 1 {
		t.Fatalf("%q is not in the file exactly once", old)
	}
	return strings.Replace(editedFile, old, written, 1)
}

func TestToolFilesHaveNoMistakes(t *testing.T) {
	for _, p := range dsl.Check([]dsl.File{{Name: "a.hcl", Data: []byte(sharedFile)}, {Name: "b.hcl", Data: []byte(editedFile)}}) {
		if p.Severity == plan.Error {
			t.Errorf("%s:%d: %s: %s", p.File, p.Start.Line, p.Title, p.Detail)
		}
	}
}

func TestComplete(t *testing.T) {
	for _, c := range []struct{ name, old, written, want, not string }{
		{"AtTheTop", "pipeline \"ci\" {", "§\npipeline \"ci\" {", "pipeline locals variable secret library activity registry tutti", "job"},
		{"AtTheTopTyping", "pipeline \"ci\" {", "pip§\npipeline \"ci\" {", "pipeline", "job"},
		{"InAPipeline", "  approval \"release\" {", "  §\n  approval \"release\" {", "description job approval input concurrency on_\"tag\" on_\"schedule\"", "script image on_\"push\""},
		{"InAJob", "    when  = local.release\n", "    §\n    when  = local.release\n", "matrix service cache output timeout run_on", "needs image pipeline"},
		{"InOneLine", "on \"push\" { branches = [\"main\"] }", "on \"push\" { § }", "branches tags paths", "job"},
		{"AnEvent", "on \"push\" {", "on \"p§\" {", "push pull_request pipeline schedule manual tag", ""},
		{"AnEventWithoutBody", "  on \"push\" { branches = [\"main\"] }\n", "  on \"§\n", "push pull_request", ""},
		{"AWord", "    when  = local.release\n", "    run_on = §\n", "\"passed\" \"failed\" \"always\"", "event"},
		{"AWordInQuotes", "    when  = local.release\n", "    run_on = \"fa§\"\n", "passed failed always", "event"},
		{"AWordInAnOpenQuote", "    when  = local.release\n", "    run_on = \"§\n", "passed failed always", "event"},
		{"AType", "type    = number", "type    = §", "string number bool list(string)", "event"},
		{"Roots", "when  = local.release", "when  = §", "event local var input job approval true coalesce matches", "secret activity matrix def optional"},
		{"RootsWithSecrets", "TOKEN = secret.token", "TOKEN = §", "secret", "matrix"},
		{"NotTooLate", "image = \"alpine:3.20\"", "image = \"alpine:${§}\"", "job event", "secret activity"},
		{"NoReferences", "branches = [\"main\"]", "branches = [§]", "", "event upper"},
		{"Needs", "needs = [approval.release]", "needs = [§]", "job.test approval.release optional", "job.deploy event"},
		{"NeedsAfterTheRoot", "needs = [approval.release]", "needs = [job.§]", "test", "release"},
		{"Locals", "when  = local.release", "when  = local.§", "release", "event"},
		{"Variables", "REGION = var.region", "REGION = var.§", "region", ""},
		{"Secrets", "TOKEN = secret.token", "TOKEN = secret.t§", "token", ""},
		{"Inputs", "level = input.level }", "level = input.§ }", "level", ""},
		{"Event", "when  = local.release", "when  = event.§", "kind branch tag pull_request changed commit actor message", ""},
		{"PullRequest", "when  = local.release", "when  = event.pull_request.§", "number from_fork source_branch", "kind"},
		{"Axes", "golang:${matrix.go}", "golang:${matrix.§}", "go db", ""},
		{"JobWithMatrix", "when  = local.release", "when  = job.test.§", "each result", "outputs"},
		{"EachOfAJob", "r.matrix.go", "r.§", "matrix result outputs", ""},
		{"OutputsOfEach", "r.matrix.go", "r.outputs.§", "coverage report", ""},
		{"EarlierActivities", "value = activity.unit.outputs.cover", "value = activity.§", "unit scan", ""},
		{"OnlyEarlierActivities", "with = { level = input.level }", "env = { A = activity.§ }", "unit", "scan"},
		{"OutputsOfAnActivity", "value = activity.unit.outputs.cover", "value = activity.unit.outputs.§", "cover", ""},
		{"OutputsOfADefinition", "value = activity.scan.outputs.report", "value = activity.scan.outputs.§", "report", "cover"},
		{"OfAnApproval", "when  = local.release", "when  = approval.release.§", "by at", ""},
		{"Use", "use  = def.scan", "use  = §", "def lib", "event"},
		{"Definitions", "use  = def.scan", "use  = def.§", "scan", ""},
		{"With", "with = { level = input.level }", "with = { § }", "level", "event"},
		{"Retries", "with = { level = input.level }", "retries = { § }", "timeout lost oom", "event"},
		{"RetriesOfAJob", "    when  = local.release\n", "    retries = { § }\n", "lost", "timeout exit event"},
		{"NothingInScripts", "go test ${A:-b}", "go test ${§A:-b}", "", "event A"},
		{"NothingInComments", "image = \"alpine:3.20\"", "image = \"alpine:3.20\" # ev§", "", "event"},
		{"WhileABraceIsOpen", "    when  = local.release\n", "    env = {\n      A = local.§\n", "release", ""},
		{"AfterAnOpenBrace", "    image = \"golang:${matrix.go}\"\n", "    env = {\n", "", "§"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := typing(t, c.old, c.written)
			if c.not == "§" { // the cursor is elsewhere
				text, c.not = strings.Replace(text, "when  = local.release", "when  = local.§", 1), ""
				c.want = "release"
			}
			f, offset := folder(t, text)
			var labels []string
			for _, made := range f.Complete(".tutti/ci.hcl", offset) {
				labels = append(labels, strings.ReplaceAll(made.Label, " ", "_"))
				if made.Replace.Start > offset || made.Replace.End < offset {
					t.Errorf("%s replaces %v, and the cursor is at %d", made.Label, made.Replace, offset)
				}
			}
			for _, want := range strings.Fields(c.want) {
				if !slices.Contains(labels, want) {
					t.Errorf("%q is not offered, but %q", want, labels)
				}
			}
			for _, not := range strings.Fields(c.not) {
				if slices.Contains(labels, not) {
					t.Errorf("%q is offered, among %q", not, labels)
				}
			}
			if c.want == "" && c.not != "" && len(labels) > 0 && c.name != "NoReferences" {
				t.Errorf("%q are offered", labels)
			}
		})
	}
}

func TestHoverAndDefinition(t *testing.T) {
	for _, c := range []struct{ name, old, written, hover, declared string }{
		{"Block", "job \"deploy\"", "j§ob \"deploy\"", "What one agent does", ""},
		{"Label", "job \"deploy\"", "job \"dep§loy\"", "What one agent does", ""},
		{"Event", "on \"push\" {", "on \"pu§sh\" {", "A push starts the pipeline", ""},
		{"Argument", "when  = local", "wh§en  = local", "`when` takes bool; evaluated in the dispatch phase; default: true", ""},
		{"Function", "join(", "jo§in(", "join(separator string, lists ...list(string))", ""},
		{"Root", "when  = local.release", "when  = lo§cal.release", "`local`", ""},
		{"Local", "when  = local.release", "when  = local.rel§ease", "`local.release`: bool, declared at .tutti/shared.hcl:7\n\n```hcl\nrelease = event.branch == \"main\"", `.tutti/shared.hcl "release"`},
		{"Variable", "var.region", "var.§region", "`var.region`: string, declared at .tutti/shared.hcl:1\n\nwhere it goes", `.tutti/shared.hcl "region"`},
		{"Secret", "secret.token", "secret.token§", "`secret.token`", `.tutti/shared.hcl "token"`},
		{"Input", "level = input.level", "level = input.le§vel", "`input.level`: number", `.tutti/ci.hcl "level"`},
		{"KeyOfWith", "level = input.level", "le§vel = input.level", "number", `.tutti/shared.hcl "level"`},
		{"Use", "use  = def.scan", "use  = def.sc§an", "`def.scan`", `.tutti/shared.hcl "scan"`},
		{"Job", "for r in job.test.each", "for r in job.te§st.each", "`job.test`", `.tutti/ci.hcl "test"`},
		{"Need", "needs = [approval.release]", "needs = [approval.rel§ease]", "`approval.release`", `.tutti/ci.hcl "release"`},
		{"Axis", "r.matrix.go", "r.matrix.g§o", "`r.matrix.go`: string", `.tutti/ci.hcl "go"`},
		{"OutputOfAnActivity", "activity.unit.outputs.cover", "activity.unit.outputs.cov§er", "number", `.tutti/ci.hcl "cover"`},
		{"OutputOfAJob", "ALL = join(\",\", [for r in job.test.each : r.matrix.go])", "ALL = job.other.outputs.n§ames", "`job.other.outputs.names`: list(string)", `.tutti/ci.hcl "names"`},
		{"OutputOfADefinition", "activity.scan.outputs.report", "activity.scan.outputs.rep§ort", "string", `.tutti/shared.hcl "report"`},
		{"InATemplate", "golang:${matrix.go}", "golang:${matrix.g§o}", "`matrix.go`: string", `.tutti/ci.hcl "go"`},
		{"NothingInText", "golang:${matrix.go}", "gol§ang:${matrix.go}", "", ""},
		{"NothingInScripts", "go test ${A:-b}", "go t§est ${A:-b}", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := typing(t, c.old, c.written)
			f, offset := folder(t, text)
			h, ok := f.Hover(".tutti/ci.hcl", offset)
			if ok != (c.hover != "") || !strings.Contains(h.Text, c.hover) {
				t.Errorf("hover says %q, want %q in it", h.Text, c.hover)
			}
			declared := ""
			if p, ok := f.Definition(".tutti/ci.hcl", offset); ok {
				data := sharedFile
				if p.File == ".tutti/ci.hcl" {
					data = strings.Replace(text, "§", "", 1)
				}
				declared = fmt.Sprintf("%s %q", p.File, data[p.Start:p.End])
			}
			if declared != c.declared {
				t.Errorf("declared at %s, want %s", declared, c.declared)
			}
		})
	}
}

func TestSymbols(t *testing.T) {
	f, _ := folder(t, editedFile+"§")
	var names []string
	var walk func(depth int, list []dsl.Symbol)
	walk = func(depth int, list []dsl.Symbol) {
		for _, s := range list {
			names = append(names, strings.Repeat(" ", depth)+strings.TrimSpace(s.Kind+" "+s.Name))
			if s.Head.Start < s.Whole.Start || s.Head.End > s.Whole.End {
				t.Errorf("the head of %s is not in it", s.Name)
			}
			walk(depth+1, s.Inside)
		}
	}
	walk(0, f.Symbols(".tutti/shared.hcl"))
	walk(0, f.Symbols(".tutti/ci.hcl")[0].Inside[2:3])
	want := []string{
		"variable region", "secret token", "locals", " local release", "activity scan", " input level", " output report",
		"job test", " matrix", " activity unit", "  output cover", " activity scan", " output coverage", " output report",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestToolsSurviveAnything asks everything at every offset of every file of the language's tests, whole and cut off there.
func TestToolsSurviveAnything(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.hcl")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		step := 1 + len(data)/60
		for offset := 0; offset <= len(data); offset += step {
			askAll(data, offset)
			askAll(data[:offset], offset)
		}
	}
}

func FuzzTools(f *testing.F) {
	f.Add([]byte(editedFile), 300)
	f.Add([]byte("a = \"${b[\"x"), 9)
	f.Fuzz(func(_ *testing.T, data []byte, offset int) { askAll(data, offset) })
}

func askAll(data []byte, offset int) {
	f := dsl.NewFolder()
	f.Set(dsl.File{Name: "a.hcl", Data: data})
	f.Complete("a.hcl", offset)
	f.Hover("a.hcl", offset)
	f.Definition("a.hcl", offset)
	f.Symbols("a.hcl")
	dsl.Offset(data, plan.Position{Line: offset % 50, Column: offset % 7})
}

func TestOffset(t *testing.T) {
	data := []byte("ab\nü👩‍👩‍👧x\r\nc")
	for _, c := range []struct{ line, column, want int }{
		{1, 1, 0}, {1, 3, 2}, {2, 1, 3}, {2, 2, 5}, {2, 3, 23}, {3, 1, 26}, {3, 9, 27}, {9, 1, 27}, {0, 0, 0},
	} {
		if got := dsl.Offset(data, plan.Position{Line: c.line, Column: c.column}); got != c.want {
			t.Errorf("line %d column %d is at %d, want %d", c.line, c.column, got, c.want)
		}
	}
}
