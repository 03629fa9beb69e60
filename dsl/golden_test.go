package dsl_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
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
//	# var: staging/region=eu
//	# secret: token
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

// readCase reads the files of a case, which see themselves in .tutti. A folder may hold others: "tree", with files of the
// commit, and "lib", with a library that the case calls "acme".
func readCase(t *testing.T, path string) dsl.Request {
	t.Helper()
	paths := []string{path}
	req := dsl.Request{Event: pushTo("main"), Tree: []dsl.TreeFile{}, Contents: map[string][]byte{}}
	if filepath.Ext(path) != ".hcl" {
		paths, _ = filepath.Glob(filepath.Join(path, "*.hcl")) // the pattern is right
		for _, f := range readFolder(t, filepath.Join(path, "tree")) {
			req.Tree = append(req.Tree, dsl.TreeFile{Path: f.Name, Hash: fmt.Sprintf("%x", sha256.Sum256(f.Data))})
			req.Contents[f.Name] = f.Data
		}
		readLibrary(&req, readFolder(t, filepath.Join(path, "lib")))
	}
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

// readFolder reads all files of a folder, if there is one.
func readFolder(t *testing.T, folder string) []dsl.File {
	t.Helper()
	var files []dsl.File
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files = append(files, dsl.File{Name: strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(folder)+"/"), Data: data})
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// readLibrary gives a request the library acme, and a lock file that agrees with it.
func readLibrary(req *dsl.Request, files []dsl.File) {
	if len(files) == 0 {
		return
	}
	l := dsl.Library{Name: "acme", Source: "github.com/acme/tutti-lib", Version: "v2.3.1",
		Commit: "7d0a1c2b3e4f5061728394a5b6c7d8e9f0a1b2c3", SHA256: dsl.HashLibrary(files), Files: files}
	req.Libraries = []dsl.Library{l}
	ref := dsl.LibraryRef{Name: l.Name, Source: l.Source, Version: l.Version, Commit: l.Commit, SHA256: l.SHA256}
	req.Files = append(req.Files, dsl.File{Name: ".tutti/" + dsl.LockName, Data: dsl.WriteLock([]dsl.LibraryRef{ref})})
}

func header(req *dsl.Request, text string) {
	for line := range strings.Lines(text) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		rest = strings.TrimSpace(rest)
		switch key {
		case "# event":
			headerEvent(&req.Event, strings.Fields(rest))
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
		case "# settings", "# var", "# secret":
			headerSetting(req, key, rest)
		default:
			if !strings.HasPrefix(line, "#") {
				return
			}
		}
	}
}

// headerEvent reads "push branch main", "push tag v1" or "pull_request fork".
func headerEvent(ev *dsl.Event, words []string) {
	ev.Kind, ev.Branch, ev.Tag = words[0], "", ""
	switch {
	case ev.Kind == dsl.KindPullRequest:
		ev.PullRequest = &dsl.PullRequest{Number: 12, Title: "Add a door", SourceBranch: "door", TargetBranch: "main", FromFork: len(words) > 1}
	case len(words) > 2 && words[1] == "tag":
		ev.Tag = words[2]
	case len(words) > 2:
		ev.Branch = words[2]
	}
}

// headerSetting reads "var: environment/name=value" and "secret: environment/name"; the environment may be left out.
func headerSetting(req *dsl.Request, key, rest string) {
	if req.Settings == nil {
		req.Settings = &dsl.Settings{Variables: map[string]map[string]string{}, Secrets: map[string][]string{}}
	}
	name, value, _ := strings.Cut(rest, "=")
	environment, short, ok := strings.Cut(name, "/")
	if !ok {
		environment, short = "", name
	}
	switch key {
	case "# var":
		if req.Settings.Variables[environment] == nil {
			req.Settings.Variables[environment] = map[string]string{}
		}
		req.Settings.Variables[environment][short] = value
	case "# secret":
		req.Settings.Secrets[environment] = append(req.Settings.Secrets[environment], short)
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
