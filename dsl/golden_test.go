package dsl_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden compiles each case of testdata. A case is a file x.hcl, or a folder x of such files; its first lines say
// with what:
//
//	# event: push branch main
//	# pipeline: deploy
//	# input: replicas=3
//
// What is expected stands beside it: in ok/x.json the plans and warnings, in err/x.out what a terminal shows.
func TestGolden(t *testing.T) {
	for _, dir := range []string{"ok", "err"} {
		entries, err := os.ReadDir(filepath.Join("testdata", dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			name, isFile := strings.CutSuffix(entry.Name(), ".hcl")
			if !isFile && !entry.IsDir() {
				continue
			}
			t.Run(dir+"/"+name, func(t *testing.T) {
				t.Parallel()
				res := dsl.Compile(readCase(t, filepath.Join("testdata", dir, entry.Name())))
				if failed := res.Failed(); failed != (dir == "err") {
					t.Errorf("failed = %v, in folder %s:\n%s", failed, dir, rendered(t, res.Problems, false))
				}
				if dir == "ok" {
					golden(t, filepath.Join("testdata", dir, name+".json"), planJSON(t, res))
				} else {
					golden(t, filepath.Join("testdata", dir, name+".out"), rendered(t, res.Problems, false))
				}
			})
		}
	}
}

// readCase reads the files of a case, which see themselves in .tutti.
func readCase(t *testing.T, path string) dsl.Request {
	t.Helper()
	paths := []string{path}
	if filepath.Ext(path) != ".hcl" {
		paths, _ = filepath.Glob(filepath.Join(path, "*.hcl")) // the pattern is right
	}
	req := dsl.Request{Event: pushTo("main")}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		req.Files = append(req.Files, dsl.File{Name: ".tutti/" + filepath.Base(p), Data: data})
		header(&req, string(data))
	}
	return req
}

func header(req *dsl.Request, text string) {
	for line := range strings.Lines(text) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "# event":
			words := strings.Fields(rest)
			req.Event.Kind, req.Event.Branch, req.Event.Tag = words[0], "", ""
			if len(words) > 2 && words[1] == "tag" {
				req.Event.Tag = words[2]
			} else if len(words) > 2 {
				req.Event.Branch = words[2]
			}
		case "# pipeline":
			req.Pipeline = rest
		case "# input":
			name, value, _ := strings.Cut(rest, "=")
			if req.Inputs == nil {
				req.Inputs = map[string]string{}
			}
			req.Inputs[name] = value
		case "# changed":
			req.Event.Changed = strings.Fields(rest)
		default:
			if !strings.HasPrefix(line, "#") {
				return
			}
		}
	}
}

func pushTo(branch string) dsl.Event {
	return dsl.Event{
		Kind: dsl.KindPush, Branch: branch, Ref: "refs/heads/" + branch, Commit: "0f6ebde2f2a5e1bd5dd7a0ecc6b3dcb6a3f0c9d1",
		Title: "Add a door", Actor: "Dana", Repo: dsl.Repo{Name: "house", URL: "https://example.com/house.git", DefaultBranch: "main"},
		Run: dsl.Run{ID: 7},
	}
}

func planJSON(t *testing.T, res dsl.Response) string {
	t.Helper()
	data, err := json.MarshalIndent(struct {
		Plans    []*plan.Plan   `json:"plans"`
		Problems []plan.Problem `json:"problems,omitempty"`
	}{res.Plans, res.Problems}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + "\n"
}

func rendered(t *testing.T, problems []plan.Problem, color bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := dsl.Format(&b, problems, color); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./dsl -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
