package dsl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
)

const commitA = "4f2c9abd01e2b6f8c4b61b1b4f6c1f1e2d3c4b5a"

func libraryFiles() []dsl.File {
	return []dsl.File{
		{Name: "go.hcl", Data: []byte("activity \"go_test\" {\n  image  = \"golang:1.26\"\n  script = file(\"scripts/test.sh\")\n}\n")},
		{Name: "scripts/test.sh", Data: []byte("go test ./...\n")},
	}
}

func acme() dsl.Library {
	files := libraryFiles()
	return dsl.Library{Name: "acme", Source: "github.com/acme/lib", Version: "v1", Commit: commitA, SHA256: dsl.HashLibrary(files), Files: files}
}

func refOf(l dsl.Library) dsl.LibraryRef {
	return dsl.LibraryRef{Name: l.Name, Source: l.Source, Version: l.Version, Commit: l.Commit, SHA256: l.SHA256}
}

// usesAcme are the files of a project that declares the library, with a lock file if there are entries.
func usesAcme(entries ...dsl.LibraryRef) []dsl.File {
	files := []dsl.File{{Name: ".tutti/ci.hcl", Data: []byte("library \"acme\" {\n  source  = \"github.com/acme/lib\"\n  version = \"v1\"\n}\n")}}
	if len(entries) > 0 {
		files = append(files, dsl.File{Name: ".tutti/tutti.lock.hcl", Data: dsl.WriteLock(entries)})
	}
	return files
}

func TestLibrary(t *testing.T) {
	other := acme()
	other.Files = append(other.Files[:1:1], dsl.File{Name: "scripts/test.sh", Data: []byte("evil\n")})
	moved := acme()
	moved.Commit = strings.Repeat("b", 40)
	newer := acme()
	newer.Version = "v2"
	with := func(name, text string) dsl.Library {
		l := acme()
		l.Files = []dsl.File{{Name: name, Data: []byte(text)}}
		l.SHA256 = dsl.HashLibrary(l.Files)
		return l
	}
	pipeline, imports, none, hidden := with("x.hcl", "pipeline \"ci\" {}\n"), with("x.hcl", "library \"b\" {}\n"), with("sub/x.hcl", "activity \"a\" {}\n"),
		with(".tutti/x.hcl", "activity \"a\" {\n  image = \"a\"\n  script = \"x\"\n}\n")
	for name, c := range map[string]struct {
		files       []dsl.File
		fetched     []dsl.Library
		wanted      []string
		definitions []string
		problem     string // code and part of the text
	}{
		"Fetched":       {usesAcme(refOf(acme())), []dsl.Library{acme()}, nil, []string{"acme.go_test"}, ""},
		"ToFetch":       {usesAcme(refOf(acme())), nil, []string{"acme"}, nil, ""},
		"OtherFetched":  {usesAcme(refOf(acme())), []dsl.Library{newer}, []string{"acme"}, nil, ""},
		"NotLocked":     {usesAcme(), []dsl.Library{acme()}, nil, nil, `E223 .tutti/tutti.lock.hcl has no entry for library "acme". Run "tutti lock"`},
		"OtherLocked":   {usesAcme(refOf(newer)), nil, nil, nil, `E223 .tutti/tutti.lock.hcl holds library "acme" as version "v2"`},
		"OtherContent":  {usesAcme(refOf(acme())), []dsl.Library{other}, nil, nil, "E224 The content of library \"acme\" has the SHA-256 " + dsl.HashLibrary(other.Files) + ", but .tutti/tutti.lock.hcl holds " + acme().SHA256},
		"OtherCommit":   {usesAcme(refOf(acme())), []dsl.Library{moved}, nil, nil, "E224 .tutti/tutti.lock.hcl holds commit " + commitA},
		"DamagedLock":   {usesAcme(dsl.LibraryRef{Name: "acme", Source: "github.com/acme/lib", Version: "v1", Commit: "x"}), nil, nil, nil, "E224 The entry of library \"acme\" is not as it was written"},
		"Pipeline":      {usesAcme(refOf(pipeline)), []dsl.Library{pipeline}, nil, nil, "E202 There is no block \"pipeline\" in a file. A library holds definitions"},
		"Imports":       {usesAcme(refOf(imports)), []dsl.Library{imports}, nil, nil, "E202 There is no block \"library\" in a file. Libraries do not use libraries."},
		"NoDefinitions": {usesAcme(refOf(none)), []dsl.Library{none}, nil, nil, "E220 Library \"acme\" has no definitions"},
		"Hidden":        {usesAcme(refOf(hidden)), []dsl.Library{hidden}, nil, []string{"acme.a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			wanted, definitions, problems := dsl.LoadLibraries(c.files, c.fetched)
			if diff := cmp.Diff(c.wanted, wanted); diff != "" {
				t.Errorf("wanted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.definitions, definitions); diff != "" {
				t.Errorf("definitions (-want +got):\n%s", diff)
			}
			got := ""
			if len(problems) > 0 {
				got = problems[0].Code + " " + problems[0].Detail
			}
			if !strings.HasPrefix(got, c.problem) || c.problem == "" && got != "" {
				t.Errorf("problem is %q, want %q", got, c.problem)
			}
		})
	}
}

func TestLibrarySources(t *testing.T) {
	for source, want := range map[string]string{
		"github.com/acme/lib": "https://github.com/acme/lib", "git.acme.dev:8443/a/b/c": "https://git.acme.dev:8443/a/b/c",
		"https://git.acme.dev/lib.git": "", "ssh://git@acme.dev/lib": "", "git@acme.dev:team/lib.git": "", "file:///srv/lib": "", "/srv/lib": "",
		"": "E222", "lib": "E222", "acme/lib": "E222", "../lib": "E222", "https://me:secret@acme.dev/lib": "E222", "ext::sh -c id": "E222",
		"--upload-pack=x": "E222", "https://acme.dev/a b": "E222", "ftp://acme.dev/x": "E222",
	} {
		files := []dsl.File{{Name: "ci.hcl", Data: []byte("library \"x\" {\n  source  = \"" + source + "\"\n  version = \"v1\"\n}\n")}}
		refs, problems := dsl.DeclaredLibraries(files)
		switch {
		case want == "E222" && (len(problems) != 1 || problems[0].Code != want):
			t.Errorf("%q is no mistake: %+v", source, problems)
		case want != "E222" && len(refs) != 1:
			t.Errorf("%q is a mistake: %+v", source, problems)
		case want == "" && dsl.LibraryURL(source) != source, want != "" && want != "E222" && dsl.LibraryURL(source) != want:
			t.Errorf("url of %q is %q", source, dsl.LibraryURL(source))
		}
		for _, p := range problems {
			if strings.Contains(p.Detail, "secret") {
				t.Errorf("a message shows a password: %q", p.Detail)
			}
		}
	}
	for _, version := range []string{"", "~> 1.2", "-x", "a..b", "v1 ", strings.Repeat("v", 200)} {
		files := []dsl.File{{Name: "ci.hcl", Data: []byte("library \"x\" {\n  source  = \"github.com/acme/lib\"\n  version = \"" + version + "\"\n}\n")}}
		if _, problems := dsl.DeclaredLibraries(files); len(problems) != 1 || problems[0].Code != "E222" {
			t.Errorf("version %q is no mistake: %+v", version, problems)
		}
	}
}

func TestLock(t *testing.T) {
	refs := []dsl.LibraryRef{
		{Name: "zoo", Source: `/srv/"odd"${x}`, Version: "v2", Commit: commitA, SHA256: strings.Repeat("0", 64)},
		refOf(acme()),
	}
	written := dsl.WriteLock(refs)
	want := "# Generated by \"tutti lock\". Do not edit.\n\nlibrary \"acme\" {\n  source  = \"github.com/acme/lib\"\n  version = \"v1\"\n" +
		"  commit  = \"" + commitA + "\"\n  sha256  = \"" + acme().SHA256 + "\"\n}\n"
	if !strings.HasPrefix(string(written), want) {
		t.Errorf("lock file (-want +got):\n%s", cmp.Diff(want, string(written)))
	}
	var declaring strings.Builder
	for _, r := range refs {
		fmt.Fprintf(&declaring, "library %q {\n  source  = %s\n  version = %q\n}\n", r.Name, strings.ReplaceAll(fmt.Sprintf("%q", r.Source), "${", "$${"), r.Version)
	}
	read, problems := dsl.DeclaredLibraries([]dsl.File{{Name: "ci.hcl", Data: []byte(declaring.String())}, {Name: ".tutti/tutti.lock.hcl", Data: written}})
	if diff := cmp.Diff([]dsl.LibraryRef{refs[1], refs[0]}, read); diff != "" || problems != nil {
		t.Errorf("entries (-want +got):\n%s, problems %+v", diff, problems)
	}
	declared, problems := dsl.DeclaredLibraries(usesAcme(refOf(acme())))
	if diff := cmp.Diff([]dsl.LibraryRef{refOf(acme())}, declared); diff != "" || problems != nil {
		t.Errorf("declared (-want +got):\n%s, problems %+v", diff, problems)
	}
	if declared, _ = dsl.DeclaredLibraries(usesAcme()); len(declared) != 1 || declared[0].Commit != "" {
		t.Errorf("declared without a lock: %+v", declared)
	}
}

func TestLibraryPaths(t *testing.T) {
	both := []dsl.TreeFile{{Path: "b.hcl"}, {Path: "a.hcl"}, {Path: "l.hcl", Link: true}, {Path: ".tutti/ci.hcl"}, {Path: "sub/c.hcl"}, {Path: "README.md"}}
	if diff := cmp.Diff([]string{"a.hcl", "b.hcl"}, dsl.LibraryDefinitions(both)); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{".tutti/ci.hcl"}, dsl.LibraryDefinitions(append(both[3:], dsl.TreeFile{Path: ".tutti/tutti.lock.hcl"}))); diff != "" {
		t.Errorf("definitions in the folder (-want +got):\n%s", diff)
	}
	files := append(libraryFiles(), dsl.File{Name: "z.hcl", Data: []byte(
		"activity \"z\" {\n  env = { A = file(\"a.txt\"), B = file(\"../b\"), C = file(\"c-${input.x}\"), D = \"${file(\"a.txt\")}\" }\n  script = \"cat file(\\\"no\\\")\"\n}\n")})
	if diff := cmp.Diff([]string{"a.txt", "scripts/test.sh"}, dsl.LibraryScripts(files)); diff != "" {
		t.Errorf("scripts (-want +got):\n%s", diff)
	}
	swapped := []dsl.File{libraryFiles()[1], libraryFiles()[0]}
	if dsl.HashLibrary(swapped) != acme().SHA256 {
		t.Error("the hash depends on the order of the files")
	}
	if dsl.HashLibrary([]dsl.File{{Name: "ab", Data: []byte("c")}}) == dsl.HashLibrary([]dsl.File{{Name: "a", Data: []byte("bc")}}) {
		t.Error("names and contents run into each other")
	}
}
