package trigger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/trigger"
)

// TestSupply has a compiler that wants everything that there is to want, one thing after the other.
func TestSupply(t *testing.T) {
	s := registered(t)
	lib := newLibrary(t)
	for _, v := range []server.Setting{{Name: "region", Value: "eu"}, {Name: "region", Environment: "live", Value: "us"}} {
		v.Project = "app"
		if err := s.db.SetVariable(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.db.SetSecret(t.Context(), server.Setting{Project: "app", Name: "token", Environment: "live", Value: "do not tell"}); err != nil {
		t.Fatal(err)
	}
	ref := dsl.LibraryRef{Name: "acme", Source: "file://" + lib.dir, Version: "v1"}
	var last dsl.Request
	s.compiler.instead = func(req dsl.Request) dsl.Response {
		last = req
		switch {
		case len(req.Libraries) == 0:
			return dsl.Response{Wants: &dsl.Wants{Libraries: []dsl.LibraryRef{ref}}}
		case req.Contents == nil:
			return dsl.Response{Wants: &dsl.Wants{Contents: []string{"note.txt"}}}
		case req.Contents["no.txt"] == nil && req.Tree == nil:
			return dsl.Response{Wants: &dsl.Wants{Contents: []string{"no.txt"}}} // answered by the tree
		}
		return dsl.Response{
			Pipelines: []dsl.PipelineInfo{{Name: "ci"}}, Matches: []dsl.Match{{Pipeline: "ci", Starts: true}},
			Plans: []*plan.Plan{{Version: plan.Version, Pipeline: "ci", Jobs: []plan.Job{{Name: "a", Activities: []plan.Activity{{Name: "x", Image: "a"}}}}}},
			Facts: dsl.Facts{"file(\"note.txt\")": json.RawMessage(`"hi"`)},
		}
	}
	s.commit("note.txt", "hi")
	s.commit(".tutti/ci.hcl", "# the compiler knows")
	want(t, s.push(), "ci: queued")
	var paths []string
	for _, f := range last.Tree {
		paths = append(paths, f.Path)
	}
	if diff := cmp.Diff([]string{".tutti/ci.hcl", "note.txt"}, paths); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	settings := &dsl.Settings{
		Variables: map[string]map[string]string{"": {"region": "eu"}, "live": {"region": "us"}}, Secrets: map[string][]string{"live": {"token"}},
	}
	if diff := cmp.Diff(settings, last.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	library := dsl.Library{Name: "acme", Source: ref.Source, Version: "v1", Commit: lib.commit, Files: []dsl.File{
		{Name: "go.hcl", Data: []byte(definition)}, {Name: "scripts/x.sh", Data: []byte("echo hi")},
	}}
	library.SHA256 = dsl.HashLibrary(library.Files)
	if diff := cmp.Diff([]dsl.Library{library}, last.Libraries); diff != "" {
		t.Errorf("libraries (-want +got):\n%s", diff)
	}

	// What is kept with the run compiles again, without a tree.
	source, err := s.db.RunSource(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var kept dsl.Request
	if err := json.Unmarshal(source, &kept); err != nil {
		t.Fatal(err)
	}
	want := last
	want.Pipeline, want.Tree, want.Contents, want.Facts = "ci", nil, nil, dsl.Facts{"file(\"note.txt\")": json.RawMessage(`"hi"`)}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	if bytes.Contains(source, []byte("do not tell")) {
		t.Error("the value of a secret is kept with the run")
	}
}

func TestSupplyFails(t *testing.T) {
	lib := newLibrary(t)
	for name, test := range map[string]struct {
		wants dsl.Wants
		want  string // of the run's problem; of the error if it begins with !
	}{
		"NoTag":      {dsl.Wants{Libraries: []dsl.LibraryRef{{Name: "acme", Source: "file://" + lib.dir, Version: "v9"}}}, `Library "acme", version v9: the repository file://` + lib.dir + ` has no tag "v9"`},
		"NoCommit":   {dsl.Wants{Libraries: []dsl.LibraryRef{{Name: "acme", Source: lib.dir, Version: "v1", Commit: strings.Repeat("a", 40)}}}, "was a tag moved?"},
		"NoAnswer":   {dsl.Wants{Libraries: []dsl.LibraryRef{{Name: "acme", Source: lib.dir + "/nothing", Version: "v1"}}}, "cannot be read"},
		"TooMany":    {dsl.Wants{Contents: make([]string, 501)}, "The pipelines read more than 500 files."},
		"Insatiable": {dsl.Wants{Contents: []string{".tutti/ci.hcl"}}, "!still wants something after 8 rounds"},
	} {
		t.Run(name, func(t *testing.T) {
			s := registered(t)
			s.compiler.instead = func(dsl.Request) dsl.Response { return dsl.Response{Wants: &test.wants} }
			s.commit(".tutti/ci.hcl", "# the compiler knows")
			runs, err := s.Push(t.Context(), "app")
			if text, ok := strings.CutPrefix(test.want, "!"); ok {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("error is %v, want %q", err, text)
				}
				return
			}
			if err != nil || len(runs) != 1 || runs[0].Result != plan.Failed || len(runs[0].Problems) != 1 || !strings.Contains(runs[0].Problems[0].Detail, test.want) {
				t.Errorf("runs are %+v, error %v, want %q", runs, err, test.want)
			}
		})
	}
}

const definition = "activity \"x\" {\n  image  = \"alpine\"\n  script = file(\"scripts/x.sh\")\n}\n"

// A library is a repository of one, with the tag v1.
type library struct{ dir, commit string }

func newLibrary(t testing.TB) library {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir()}
	s.git("init", "--quiet", "--initial-branch=main")
	s.commit("README.md", "not a part of it")
	s.commit("scripts/x.sh", "echo hi")
	l := library{s.dir, s.commit("go.hcl", definition)}
	s.git("tag", "v1")
	return l
}

func TestFetchLibraryOf(t *testing.T) {
	s := newScene(t)
	lib := newLibrary(t)
	ref := dsl.LibraryRef{Name: "acme", Source: lib.dir, Version: lib.commit}
	got, err := trigger.FetchLibrary(t.Context(), s.Libraries, ref)
	if err != nil || got.Commit != lib.commit || len(got.Files) != 2 {
		t.Fatalf("library is %+v, error %v", got, err)
	}
	if err := os.Rename(lib.dir, lib.dir+".away"); err != nil {
		t.Fatal(err)
	}
	again, err := trigger.FetchLibrary(t.Context(), s.Libraries, ref) // without its repository
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("library, once more (-want +got):\n%s, error %v", diff, err)
	}
	empty := &scene{t: t, dir: t.TempDir()}
	empty.git("init", "--quiet", "--initial-branch=main")
	ref.Source, ref.Version = empty.dir, empty.commit("sub/x.hcl", definition)
	if _, err = trigger.FetchLibrary(t.Context(), s.Libraries, ref); err == nil || !strings.Contains(err.Error(), "holds no definitions") {
		t.Errorf("error is %v", err)
	}
	large := &scene{t: t, dir: t.TempDir()}
	large.git("init", "--quiet", "--initial-branch=main")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if err := os.WriteFile(filepath.Join(large.dir, name+".hcl"), bytes.Repeat([]byte("#\n"), 480<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ref.Source, ref.Version = large.dir, large.commit("", "")
	if _, err = trigger.FetchLibrary(t.Context(), s.Libraries, ref); err == nil || !strings.Contains(err.Error(), "more than 4096 KiB") {
		t.Errorf("error is %v", err)
	}
}
