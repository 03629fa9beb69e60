package dsl_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
)

// unshown are the codes whose mistake no short file can show.
var unshown = []string{"E103", "E311", "E407", "E701", "E703", "E705", "E706", "E710", "E711", "E712", "E713", "E901"}

// TestExplainKnowsEveryCode compares the page with the codes of the sources.
func TestExplainKnowsEveryCode(t *testing.T) {
	want := append(codesOfSources(t), "E711", "E712") // these two are of package caged
	page, err := os.ReadFile("CODES.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^## (\S+) `).FindAllStringSubmatch(string(page), -1) {
		got = append(got, m[1])
	}
	if !slices.IsSorted(got) {
		t.Errorf("the codes are not in order: %v", got)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes (-sources +page):\n%s", diff)
	}
	for _, code := range want {
		text, ok := dsl.Explain(strings.ToLower(code))
		if !ok || !strings.HasPrefix(text, code+": ") || strings.Contains(text, "`") || strings.HasSuffix(text, "\n\n") {
			t.Errorf("explanation of %s is %v, %q", code, ok, text)
		}
	}
	for _, code := range []string{"", "E999", "What", "#"} {
		if text, ok := dsl.Explain(code); ok {
			t.Errorf("%q is explained as %q", code, text)
		}
	}
}

// codesOfSources reads the constants of type code.
func codesOfSources(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "code" && len(spec.Values) == 1 {
				if text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value); err == nil {
					all = append(all, text)
				}
			}
			return false
		})
	}
	return all
}

// TestExplainExamples compiles the examples: a wrong one gives its code and no other, a right one nothing.
func TestExplainExamples(t *testing.T) {
	page, err := os.ReadFile("CODES.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n## ")[1:]
	for _, section := range sections {
		code, _, _ := strings.Cut(section, " ")
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			examples := fence.FindAllStringSubmatch(section, -1)
			if slices.Contains(unshown, code) {
				if len(examples) != 0 {
					t.Error("this code is listed as one without an example")
				}
				return
			}
			if len(examples) != 2 || !strings.Contains(section, "\nWrong") || !strings.Contains(section, "\nRight") {
				t.Fatalf("there are %d examples; a wrong and a right one are needed", len(examples))
			}
			wrong := dsl.Compile(example(code, examples[0][1], false))
			if len(wrong.Problems) == 0 || wrong.Wants != nil {
				t.Errorf("the wrong example has no mistake; wants %+v", wrong.Wants)
			}
			for _, p := range wrong.Problems {
				if p.Code != code {
					t.Errorf("the wrong example gives other codes:\n%s", rendered(t, wrong.Problems, false))
					break
				}
			}
			if right := dsl.Compile(example(code, examples[1][1], true)); len(right.Problems) > 0 || right.Wants != nil || len(right.Plans) == 0 && code != "E213" && code != "E309" {
				t.Errorf("the right example is not accepted, wants %+v, has %d plans:\n%s", right.Wants, len(right.Plans), rendered(t, right.Problems, false))
			}
		})
	}
}

// example makes a request of an example, for a push to main of a commit with a few files.
func example(code, text string, right bool) dsl.Request {
	req := dsl.Request{
		Files: []dsl.File{{Name: ".tutti/ci.hcl", Data: []byte(placed(text))}}, Event: pushTo("main"), Settings: &dsl.Settings{},
		Release:  "1.4.2",
		Tree:     []dsl.TreeFile{{Path: "scripts/build.sh", Hash: "x"}},
		Contents: map[string][]byte{"scripts/build.sh": []byte("make\n")},
	}
	if !strings.Contains(text, `library "acme"`) || code == "E223" && !right {
		return req
	}
	l := acme()
	l.Source, l.Version = "github.com/acme/tutti-lib", "v2.3.1"
	req.Libraries = []dsl.Library{l}
	ref := refOf(l)
	if code == "E224" && !right {
		ref.SHA256 = strings.Repeat("0", 64)
	}
	req.Files = append(req.Files, dsl.File{Name: ".tutti/tutti.lock.hcl", Data: dsl.WriteLock([]dsl.LibraryRef{ref})})
	return req
}

// placed puts an example where it belongs.
func placed(text string) string {
	const activity = "activity \"x\" { script = \"true\" }\n"
	job := func(inside string) string { return "job \"z\" {\nimage = \"alpine:3.20\"\n" + inside + "}\n" }
	pipeline := func(inside string) string {
		if !strings.Contains(inside, `on "`) {
			inside = "on \"push\" {}\n" + inside
		}
		return "pipeline \"ci\" {\n" + inside + "}\n"
	}
	word, _, _ := strings.Cut(strings.TrimLeft(text, "/*# "), " ")
	switch {
	case strings.Contains(text, "pipeline"), word == "{", strings.HasPrefix(text, "jobs:"):
		return text
	case word == "activity" || strings.Contains(text, "the build\n"):
		return pipeline(job(text))
	case word == "job":
		return pipeline(text)
	case word == "on" || word == "input":
		if strings.Contains(text, "job ") {
			return pipeline(text)
		}
		return pipeline(text + job(activity))
	}
	return text + pipeline(job(activity))
}
