package dsl_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl"
)

// wide is a pipeline of jobs that each have a matrix of combinations, and activities.
func wide(jobs, combinations, activities int) []byte {
	var b strings.Builder
	b.WriteString("pipeline \"ci\" {\n on \"push\" {}\n")
	for j := range jobs {
		fmt.Fprintf(&b, " job \"j%d\" {\n  image = \"alpine:3.20\"\n  matrix {\n   axes = { n = range(%d) }\n  }\n", j, combinations)
		for a := range activities {
			fmt.Fprintf(&b, "  activity \"a%d\" { script = \"x\" }\n", a)
		}
		b.WriteString(" }\n")
	}
	return []byte(b.String() + "}\n")
}

// TestLarge compiles what is as large as the limits allow, and what is larger: both have to end soon, within a memory that
// any host has.
func TestLarge(t *testing.T) {
	cases := map[string]struct {
		jobs, combinations, activities int
		want                           string
	}{
		"TenThousandActivities": {50, 10, 20, ""},
		"JobsOfOne":             {500, 1, 12, ""},
		"Instances":             {20, 250, 2, ""},
		"TooManyInstances":      {21, 250, 2, "E710 Too many jobs"},
		"TooManyJobs":           {501, 1, 1, "E710 Too many jobs"},
		"TooManyCombinations":   {1, 257, 1, "E710 Too many combinations"},
		"TooManyActivities":     {1, 1, 201, "E710 Too many activities"},
		"AMillionActivities":    {20, 250, 200, "E713 Plan too large"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			req := dsl.Request{Files: []dsl.File{{Name: "ci.hcl", Data: wide(c.jobs, c.combinations, c.activities)}}, Event: pushTo("main")}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := cpuTime(t)
			res := dsl.Compile(req)
			took := cpuTime(t) - start
			runtime.ReadMemStats(&after)
			if took > 2*time.Second*slowdown {
				t.Errorf("took %v", took)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 512<<20 {
				t.Errorf("used %d MB", used>>20)
			}
			t.Logf("%v, %d MB", took, (after.TotalAlloc-before.TotalAlloc)>>20)
			got := ""
			for _, p := range res.Problems {
				got = p.Code + " " + p.Title
				if p.Start.Line == 0 {
					t.Errorf("no place: %+v", p)
				}
			}
			if got != c.want {
				t.Errorf("problem = %q, want %q", got, c.want)
			}
			if c.want == "" && len(res.Plans) != 1 {
				t.Error("no plan")
			}
		})
	}
}
