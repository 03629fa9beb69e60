package dsl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
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

// BenchmarkCompile500 is the way from source to plan, checks for all kinds of events included: to be done in 20 ms.
func BenchmarkCompile500(b *testing.B) { benchmarkCompile(b, 500) }

func BenchmarkCompile5000(b *testing.B) { benchmarkCompile(b, 5000) }

func benchmarkCompile(b *testing.B, lines int) {
	req := dsl.Request{Files: []dsl.File{{Name: "ci.hcl", Data: long(lines)}}, Event: pushTo("main")}
	b.SetBytes(int64(len(req.Files[0].Data)))
	for b.Loop() {
		if res := dsl.Compile(req); len(res.Plans) != 1 {
			b.Fatal(res.Problems)
		}
	}
}
