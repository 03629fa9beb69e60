package caged_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/caged"
)

// hundredJobs is a pipeline of 100 jobs and 500 lines.
func hundredJobs() string {
	var b strings.Builder
	b.WriteString("pipeline \"ci\" {\n  on \"push\" {}\n  on \"manual\" {}\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  job \"j%d\" {\n    needs = [%s]\n    image = \"golang:1.26\"\n    activity \"unit\" { script = \"go test ./...\" }\n  }\n",
			i, map[bool]string{true: fmt.Sprintf("job.j%d", i/2)}[i > 0])
	}
	return b.String() + "}\n"
}

// BenchmarkOverhead measures what the child adds to a compilation: it is to be at most 5 ms.
func BenchmarkOverhead(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	c := &caged.Compiler{Command: []string{self}, Env: []string{asChild + "=compile"}}
	defer func() { _ = c.Close() }()
	text := hundredJobs()
	if err := c.Warm(b.Context()); err != nil {
		b.Fatal(err)
	}
	var here, there time.Duration
	for n := 0; b.Loop(); n++ {
		req := request(text + fmt.Sprintf("# %d\n", n)) // the child keeps what it parsed
		start := time.Now()
		if res := dsl.Compile(req); len(res.Plans) != 1 {
			b.Fatal(res.Problems)
		}
		middle := time.Now()
		if res, err := c.Compile(b.Context(), req); err != nil || len(res.Plans) != 1 {
			b.Fatal(res, err)
		}
		here, there = here+middle.Sub(start), there+time.Since(middle)
	}
	added := float64(there-here) / float64(b.N) / float64(time.Millisecond)
	b.ReportMetric(added, "ms-added")
}
