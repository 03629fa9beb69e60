package dsl_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// TestLargeRuns compiles what is just within the limits of a run, and just beyond them.
func TestLargeRuns(t *testing.T) {
	jobs := func(n int, body string) string {
		var b strings.Builder
		b.WriteString("pipeline \"ci\" {\n on \"push\" {}\n")
		for i := range n {
			fmt.Fprintf(&b, " job \"j%d\" {\n  image = \"alpine:3.20\"\n%s }\n", i, body)
		}
		return b.String() + "}\n"
	}
	activities := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "  activity \"a%d\" { command = [\"x\"] }\n", i)
		}
		return b.String()
	}
	matrix := func(n int) string {
		return fmt.Sprintf("  matrix { axes = { n = range(%d) } }\n  activity \"a\" { command = [\"x\", tostring(matrix.n)] }\n", n)
	}
	// script holds a character that is six in JSON.
	script := func(kib int) string {
		return "  activity \"a\" {\n   script = <<X\n" + strings.Repeat(strings.Repeat("<", 1023)+"\n", kib) + "X\n  }\n"
	}
	cases := map[string]struct {
		text, code string
		jobs       int
	}{
		"10,000 activities": {jobs(25, activities(200)) + "\n#next\n" + strings.Replace(jobs(25, activities(200)), "ci", "cd", 1), "", 50},
		"201 activities":    {jobs(1, activities(201)), "E710", 0},
		"500 jobs":          {jobs(500, activities(1)), "", 500},
		"501 jobs":          {jobs(501, activities(1)), "E710", 0},
		"4,864 instances":   {jobs(19, matrix(256)), "", 19 * 257},
		"5,120 instances":   {jobs(20, matrix(256)), "E710", 0},
		"257 combinations":  {jobs(1, matrix(257)), "E710", 0},
		"a job of 360 KiB":  {jobs(1, script(60)), "", 1},
		"a job of 420 KiB":  {jobs(1, script(70)), "E713", 0},
		"a plan of 40 MiB":  {jobs(2, "  matrix { axes = { n = range(256) } }\n"+script(40)), "E713", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start := cpuTime(t)
			res := dsl.Compile(dsl.Request{Files: split(c.text), Event: pushTo("main")})
			if took := cpuTime(t) - start; took > 2*time.Second*slowdown {
				t.Errorf("took %v", took)
			}
			if c.code != "" {
				if len(res.Problems) == 0 || res.Problems[0].Code != c.code || res.Problems[0].Start == (plan.Position{}) {
					t.Errorf("want %s with a place, got:\n%s", c.code, rendered(t, res.Problems, false))
				}
				return
			}
			got := 0
			for _, p := range res.Plans {
				got += len(p.Jobs)
			}
			if got != c.jobs {
				t.Errorf("%d nodes, want %d\n%s", got, c.jobs, rendered(t, res.Problems, false))
			}
		})
	}
}

// split makes files of a text, at each line that says so.
func split(text string) []dsl.File {
	var files []dsl.File
	for i, part := range strings.Split(text, "\n#next\n") {
		files = append(files, dsl.File{Name: fmt.Sprintf(".tutti/%d.hcl", i), Data: []byte(part)})
	}
	return files
}
