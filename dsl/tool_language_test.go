package dsl

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryFunctionIsExplained(t *testing.T) {
	known := signatures()
	for name := range known {
		if functionDocs[name] == "" {
			t.Errorf("%s has no explanation", name)
		}
	}
	for name := range functionDocs {
		if known[name] == "" {
			t.Errorf("%s is explained and no function", name)
		}
	}
}

func TestEditorsKnowAllNamesOfRoots(t *testing.T) {
	for _, r := range roots() {
		var names []string
		for _, m := range fixedMembers[r.name] {
			names = append(names, m.name)
		}
		slices.Sort(names)
		if want := slices.Sorted(slices.Values(r.names)); !slices.Equal(names, want) {
			t.Errorf("editors offer %v of %s, which has %v", names, r.name, want)
		}
	}
}

// TestEditorsKnowWhatTheCompilerKnows compiles a reference to each name that editors offer.
func TestEditorsKnowWhatTheCompilerKnows(t *testing.T) {
	for root, members := range fixedMembers {
		for _, m := range members {
			text := `pipeline "ci" {
  on "push" {}
  on "pull_request" {}
  job "a" {
    image = "alpine:3.20"
    when = ` + root + "." + m.name + ` != null
    activity "x" { script = "true" }
  }
}`
			for _, p := range Check([]File{{Name: "ci.hcl", Data: []byte(text)}}) {
				if p.Code == string(codeReference) || strings.Contains(p.Title, "reference") {
					t.Errorf("%s.%s: %s", root, m.name, p.Detail)
				}
			}
		}
	}
}
