package dsl_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
)

func tree() []dsl.TreeFile {
	return []dsl.TreeFile{
		{Path: "go.sum", Hash: "bb"}, {Path: "go.mod", Hash: "aa"}, {Path: "cmd/a.go", Hash: "cc"}, {Path: "cmd/x/b.go", Hash: "dd"},
		{Path: "link", Hash: "ee", Link: true}, {Path: "note.txt", Hash: "ff"},
	}
}

func sum(lines ...string) string {
	s := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(s[:])
}

func TestTreeAnswers(t *testing.T) {
	mods := sum("go.mod\x00aa\n", "go.sum\x00bb\n")
	full := dsl.Request{Tree: tree(), Contents: map[string][]byte{
		"note.txt": []byte("a\r\nb\n"), "long.txt": []byte(strings.Repeat("x", 70<<10)), "huge.txt": make([]byte, 1<<20+1),
		"latin.txt": []byte("\xe9"), "nul.txt": []byte("a\x00b"),
	}, Event: dsl.Event{Changed: []string{"cmd/x/b.go", "README.md"}}}
	for name, c := range map[string]struct {
		expr, value, code, err string
	}{
		"Hash":           {`hash_files("go.*")`, mods, "", ""},
		"HashOrder":      {`hash_files("go.sum", "go.mod")`, mods, "", ""},
		"HashNot":        {`hash_files("**/*.go", "!cmd/x/**")`, sum("cmd/a.go\x00cc\n"), "", ""},
		"HashNothing":    {`hash_files("*.rs", "x/**")`, "?", "E308", "No file of the commit matches *.rs, x/**."},
		"HashBadGlob":    {`hash_files("{a")`, "?", "E306", `The pattern "{a" has a { without }.`},
		"File":           {`file("note.txt")`, "a\r\nb\n", "", ""},
		"FileMissing":    {`file("not.txt")`, "?", "E308", `There is no file "not.txt" in the commit.`},
		"FileTypo":       {`file("go.sun")`, "?", "E308", `There is no file "go.sun" in the commit. Did you mean "go.sum"?`},
		"FileFolder":     {`file("cmd")`, "?", "E308", `"cmd" is a folder.`},
		"FileLink":       {`file("link")`, "?", "E308", `"link" is a symbolic link, and those are not followed.`},
		"FileUp":         {`file("../x")`, "?", "E308", `"../x" leaves its folder`},
		"FileAbsolute":   {`file("/etc/passwd")`, "?", "E308", `"/etc/passwd" is absolute.`},
		"FileUnclean":    {`file("./note.txt")`, "?", "E308", `Write "note.txt" in place of "./note.txt".`},
		"FileBackslash":  {`file("cmd\\a.go")`, "?", "E308", "backslash"},
		"FileLong":       {`file("long.txt")`, "?", "E308", "more than 64 KiB"},
		"FileHuge":       {`file("huge.txt")`, "?", "E308", "more than 1024 KiB"},
		"FileNoText":     {`file("latin.txt")`, "?", "E308", "not UTF-8 text"},
		"FileNUL":        {`file("nul.txt")`, "?", "E308", "NUL character"},
		"Changed":        {`changed("cmd/**")`, "true", "", ""},
		"ChangedNot":     {`changed("docs/**", "*.go")`, "false", "", ""},
		"ChangedNegated": {`changed("!README.md")`, "true", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := dsl.AskCommit(&full, c.expr)
			if got.Value != c.value || got.Code != c.code || !strings.Contains(got.Err, c.err) || got.Wants != nil {
				t.Errorf("%s: got %+v", c.expr, got)
			}
		})
	}
	script, known, err := dsl.ScriptOf(&full, "note.txt")
	if script != "a\nb\n" || !known || err != nil {
		t.Errorf("script is %q, %v, %v", script, known, err)
	}
	if script, known, err = dsl.ScriptOf(&full, "long.txt"); len(script) != 70<<10 || !known || err != nil {
		t.Errorf("a script of 70 KiB has %d bytes, %v, %v", len(script), known, err)
	}
}

// TestTreeWants goes the way of a request: nothing is known, then what was wanted, and in the end facts alone.
func TestTreeWants(t *testing.T) {
	req := dsl.Request{}
	const expr = `"${hash_files("go.*")} ${file("note.txt")} ${changed("x")}"`
	got := dsl.AskCommit(&req, expr)
	if diff := cmp.Diff(&dsl.Wants{Tree: true, Contents: []string{"note.txt"}}, got.Wants); diff != "" || got.Err != "" || got.Value != "?" {
		t.Fatalf("without a tree: %+v, wants (-want +got):\n%s", got, diff)
	}
	req.Tree = tree()
	got = dsl.AskCommit(&req, expr)
	if diff := cmp.Diff(&dsl.Wants{Contents: []string{"note.txt"}}, got.Wants); diff != "" {
		t.Fatalf("without contents, wants (-want +got):\n%s", diff)
	}
	req.Contents = map[string][]byte{"note.txt": []byte("hi")}
	got = dsl.AskCommit(&req, expr)
	want := sum("go.mod\x00aa\n", "go.sum\x00bb\n") + " hi true"
	if got.Value != want || got.Wants != nil {
		t.Fatalf("with all: %+v", got)
	}
	late := dsl.Request{Facts: got.Facts, Late: &dsl.Late{Job: "x"}}
	if got = dsl.AskCommit(&late, expr); got.Value != want || got.Wants != nil {
		t.Errorf("late: %+v", got)
	}
	for _, expr := range []string{`hash_files("go.mod")`, `file("go.mod")`} {
		if got = dsl.AskCommit(&late, expr); got.Code != "E401" || got.Wants != nil {
			t.Errorf("late, what was not asked before: %+v", got)
		}
	}
}

// TestTreeOfCheck has no commit, and finds what is wrong with any.
func TestTreeOfCheck(t *testing.T) {
	for expr, code := range map[string]string{
		`hash_files("x")`: "", `file("x")`: "", `changed("x")`: "", `hash_files("{")`: "E306", `file("/x")`: "E308", `changed("{")`: "E306", `file(text)`: "",
	} {
		if got := dsl.AskCommit(nil, expr); got.Code != code || got.Value != "?" || (got.Err != "") != (code != "") {
			t.Errorf("%s: %+v, want code %q", expr, got, code)
		}
	}
}

func TestTreeOfLibrary(t *testing.T) {
	lib := dsl.Library{Name: "acme", Files: []dsl.File{{Name: "scripts/x.sh", Data: []byte("echo hi")}}}
	for expr, want := range map[string]string{
		`file("scripts/x.sh")`: "", `file("go.mod")`: `There is no file "go.mod" in library "acme".`, `hash_files("x")`: "a library knows none", `changed("x")`: "a library knows none",
		`file("../x")`: "leaves its folder",
	} {
		got := dsl.AskLibrary(&lib, expr)
		if !strings.Contains(got.Err, want) || (want == "") != (got.Value == "echo hi") {
			t.Errorf("%s: %+v, want %q", expr, got, want)
		}
	}
}

func TestData(t *testing.T) {
	for expr, want := range map[string]string{
		`semver_matches("v1.4.2", ">= 1.2, < 2")`:               "true",
		`semver_matches("2.0.0-rc.1", ">= 1.2")`:                "false", // early versions only match where one is named
		`semver_matches("2.0.0-rc.1", ">= 2.0.0-0")`:            "true",
		`semver_matches("1.4", "~1.4 || ^3")`:                   "true",
		`semver_matches("latest", "1")`:                         `this is no version`,
		`semver_matches("1", "about 1")`:                        `this is no constraint`,
		`semver_matches(text, "1")`:                             "?",
		`tostring(jsondecode("{\"a\": [1, \"x\"]}").a[1])`:      "x",
		`jsondecode("7")`:                                       "7",
		`jsondecode("{")`:                                       "not valid JSON",
		`jsondecode("1 2")`:                                     "extraneous",
		`jsondecode("")`:                                        "not valid JSON",
		`jsondecode("1e999999999")`:                             "at most 30 digits",
		`jsondecode("` + strings.Repeat("[", 60_000) + `")`:     "nest at most 50 deep",
		`jsondecode("[` + strings.Repeat("1,", 10_500) + `1]")`: "at most 10000 elements",
		`jsondecode(text)`:                                      "?",
	} {
		got := dsl.AskCommit(nil, expr)
		if got.Value != want && (got.Err == "" || !strings.Contains(got.Err, want)) {
			t.Errorf("%.60s: value %q, error %q, want %q", expr, got.Value, got.Err, want)
		}
	}
}
