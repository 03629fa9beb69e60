package dsl_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// long is a pipeline of about that many lines, as people write them.
func long(lines int) []byte {
	var b strings.Builder
	b.WriteString("locals {\n  short = substr(event.commit, 0, 8)\n}\npipeline \"ci\" {\n  on \"push\" {}\n  on \"manual\" {}\n")
	for i := 0; strings.Count(b.String(), "\n") < lines-2; i++ {
		needs := ""
		if i > 0 {
			needs = fmt.Sprintf("job.j%d", i/2)
		}
		if needs == fmt.Sprintf("job.j%d", i) {
			needs = ""
		}
		fmt.Fprintf(&b, `  job "j%d" {
    needs = [%s]
    image = "golang:${local.short == "x" ? "1.25" : "1.26"}"
    env   = { N = %d, SHORT = local.short, REF = coalesce(event.branch, event.tag, "none") }
    activity "unit" {
      script = <<-SH
        go test ./... # ${HOME}
        echo "done"
      SH
      env = { WHO = "by ${event.actor}", LIST = join(",", [for x in ["a", "b"] : upper(x)]) }
    }
    activity "lint" { command = ["golangci-lint", "run", "--timeout", "5m"] }
  }
`, i, needs, i)
	}
	return []byte(b.String() + "}\n")
}

// hundredJobs is a pipeline of 100 jobs and 500 lines.
func hundredJobs() []byte {
	var b strings.Builder
	b.WriteString("pipeline \"ci\" {\n  on \"push\" {}\n  on \"pull_request\" {}\n  on \"manual\" {}\n")
	for i := range 98 {
		fmt.Fprintf(&b, "  job \"j%d\" {\n    image = \"golang:${event.branch == \"main\" ? \"1.26\" : \"1.25\"}\"\n"+
			"    env   = { N = %d, WHO = event.actor }\n    activity \"unit\" { script = \"go test ./...\" }\n  }\n", i, i)
	}
	b.WriteString("  job \"version\" {\n    image = \"alpine:3.20\"\n    activity \"read\" {\n      script = \"cat VERSION\"\n")
	b.WriteString("      output \"version\" { type = string }\n    }\n    activity \"say\" {\n")
	b.WriteString("      command = [\"echo\", activity.read.outputs.version]\n    }\n  }\n")
	b.WriteString("  job \"last\" {\n    image = \"alpine:3.20\"\n    activity \"x\" { script = \"true\" }\n  }\n}\n")
	return []byte(b.String())
}

// BenchmarkCompile500 is the way from source to plan, checks for all kinds of events included: to be done in 20 ms.
func BenchmarkCompile500(b *testing.B) { benchmarkCompile(b, hundredJobs()) }

// BenchmarkCompile5000 is the same for 5,000 lines, to be done in 150 ms.
func BenchmarkCompile5000(b *testing.B) { benchmarkCompile(b, long(5000)) }

func benchmarkCompile(b *testing.B, text []byte) {
	req := dsl.Request{Files: []dsl.File{{Name: "ci.hcl", Data: text}}, Event: pushTo("main")}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if res := dsl.Compile(req); len(res.Plans) != 1 {
			b.Fatal(res.Problems)
		}
	}
}

// BenchmarkLate is what an agent waits for before an activity that needs what an earlier one put out.
func BenchmarkLate(b *testing.B) {
	req := dsl.Request{Files: []dsl.File{{Name: "ci.hcl", Data: hundredJobs()}}, Event: pushTo("main"), Pipeline: "ci"}
	var compiler dsl.Compiler
	if res := compiler.Compile(req); len(res.Plans) != 1 {
		b.Fatal(res.Problems)
	}
	version := map[string]json.RawMessage{"version": json.RawMessage(`"1.2.3"`)}
	req.Late = &dsl.Late{Job: "version", Instance: &dsl.Instance{
		Activity: "say", Activities: map[string]dsl.ActivityEnd{"read": {Result: plan.Passed, Outputs: version}},
	}}
	for b.Loop() {
		if res := compiler.Compile(req); res.Activity == nil || res.Activity.Command[1] != "1.2.3" {
			b.Fatal(res)
		}
	}
}
