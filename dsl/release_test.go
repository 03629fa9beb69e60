package dsl_test

import (
	"testing"

	"github.com/tutti-ci/tutti/dsl"
)

// TestRelease asks several releases for files that only some can run.
func TestRelease(t *testing.T) {
	for _, c := range []struct {
		needs, release, want string
	}{
		{">= 1.2", "1.2.0", ""},
		{">= 1.2", "v1.10.3", ""},
		{">= 1.2", "1.2.0-rc1", ""},
		{">= 1.2", "v1.2.0-4-g1a2b3c4-dirty", ""},
		{">= 1.2", "", ""},
		{">= 1.2", "dev", ""},
		{">= 1.2", "1234567", ""}, // a hash
		{">= 1.2", "1.1.9", `These files ask for a release of Tutti that is ">= 1.2", and this is 1.1.9. Use one that is, or change what they ask for.`},
		{">= 1.2, < 2", "2.0.0-rc1", `These files ask for a release of Tutti that is ">= 1.2, < 2", and this is 2.0.0-rc1. Use one that is, or change what they ask for.`},
	} {
		text := "tutti {\n  language = 1\n  server   = \"" + c.needs + "\"\n}\n" +
			"pipeline \"ci\" {\n  on \"push\" {}\n  job \"a\" {\n    image = \"alpine:3.20\"\n    activity \"x\" { script = \"true\" }\n  }\n}\n"
		req := dsl.Request{Files: []dsl.File{{Name: ".tutti/ci.hcl", Data: []byte(text)}}, Release: c.release, Event: pushTo("main")}
		var compiler dsl.Compiler
		for range 2 { // another release in between must not matter
			res := compiler.Compile(req)
			got := ""
			if len(res.Problems) > 0 {
				got = res.Problems[0].Detail
			}
			if got != c.want || res.Failed() != (c.want != "") {
				t.Errorf("%s asked for %s: %q, want %q", c.release, c.needs, got, c.want)
			} else if c.want != "" && (res.Problems[0].Code != "E227" || res.Problems[0].Start.Line != 3) {
				t.Errorf("%s is refused as %+v", c.release, res.Problems[0])
			}
			other := req
			other.Release = "1.2.0"
			if compiler.Compile(other).Failed() {
				t.Error("1.2.0 is refused")
			}
		}
	}
}
