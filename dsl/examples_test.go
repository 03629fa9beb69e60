package dsl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// TestExamples compiles what people copy: examples/, and the project's own pipelines.
func TestExamples(t *testing.T) {
	all, err := filepath.Glob("../examples/*/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]bool{"../.tutti": true}
	for _, path := range all {
		folders[filepath.Dir(path)] = true
	}
	if len(folders) < 5 {
		t.Fatalf("folders = %v", folders)
	}
	for folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			paths, err := filepath.Glob(filepath.Join(folder, "*.hcl"))
			if err != nil || len(paths) == 0 {
				t.Fatalf("no files in %s: %v", folder, err)
			}
			var files []dsl.File
			for _, p := range paths {
				data, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, dsl.File{Name: ".tutti/" + filepath.Base(p), Data: data})
			}
			compiles(t, files)
		})
	}
}

// compiles makes sure that files have no mistakes, and a plan for every pipeline and a push to main.
func compiles(t *testing.T, files []dsl.File) {
	t.Helper()
	config, problems := dsl.Parse(files)
	problems = slices.DeleteFunc(problems, func(p plan.Problem) bool { return p.Code == "E290" }) // not run yet, which is no mistake
	if len(problems) > 0 {
		t.Fatalf("problems:\n%s", rendered(t, problems, false))
	}
	for _, p := range config.Pipelines() {
		inputs := map[string]string{}
		for _, in := range p.Inputs {
			if in.Required {
				inputs[in.Name] = "1"
			}
		}
		if made, problems := config.Compile(p.Name, pushTo("main"), inputs); made == nil {
			t.Errorf("%s:\n%s", p.Name, rendered(t, problems, false))
		}
	}
}

var fence = regexp.MustCompile("(?s)```hcl\n(.*?)```")

// TestReadmeExamples compiles each example of README.md. One that is no whole file is put where it belongs.
func TestReadmeExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := fence.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 5 {
		t.Fatalf("README.md has %d examples", len(blocks))
	}
	for i, b := range blocks {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			compiles(t, []dsl.File{{Name: ".tutti/readme.hcl", Data: []byte(whole(b[1]))}})
		})
	}
}

func whole(text string) string {
	const head, job, activity = "pipeline \"ci\" {\n on \"push\" {}\n", " job \"a\" {\n image = \"alpine:3.20\"\n",
		" activity \"x\" { script = \"true\" }\n"
	if strings.Contains(text, "pipeline \"") {
		return text
	}
	switch first, _, _ := strings.Cut(strings.TrimSpace(text), " "); first {
	case "activity":
		return head + job + text + "}\n}\n"
	case "job":
		return head + text + "}\n"
	case "locals":
		return text + head + job + activity + "}\n}\n"
	}
	return text
}

// TestReadmeReference makes sure that the tables of README.md are those of the schema.
func TestReadmeReference(t *testing.T) {
	const from, to = "<!-- reference: written by go test ./dsl -update -->\n\n", "<!-- end of reference -->"
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), from)
	_, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatal("README.md has no reference")
	}
	golden(t, "README.md", before+from+dsl.ReferenceTable()+to+after)
}
