package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const unformatted = "locals {\na=1\n}\n"

func TestFmtReplacesFilesAndKeepsTheirMode(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/a.hcl": unformatted, ".tutti/b.hcl": goodPipeline, ".tutti/c.txt": "a=1", ".tutti/deep/d.hcl": unformatted})
	path := filepath.Join(dir, ".tutti", "a.hcl")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	code, out, errs := ask(t, "", "fmt", dir)
	if code != exitOK || out != path+"\n" || errs != "" {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
	if got := contentOf(t, path); got != "locals {\n  a = 1\n}\n" {
		t.Errorf("the file is now %q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if got := contentOf(t, filepath.Join(dir, ".tutti", "deep", "d.hcl")); got != unformatted {
		t.Errorf("a file that is no pipeline became %q", got)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".tutti", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind is %v, %v", left, err)
	}
	if code, out, _ := ask(t, "", "fmt", dir); code != exitOK || out != "" {
		t.Errorf("again: code %d, %q", code, out)
	}
}

func TestFmtCheckAndDiffChangeNothing(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/a.hcl": unformatted, ".tutti/b.hcl": goodPipeline})
	path := filepath.Join(dir, ".tutti", "a.hcl")
	for _, c := range []struct {
		flags string
		code  int
		want  string
	}{
		{"--check", exitFailed, path + "\n"},
		{"-check", exitFailed, path + "\n"},
		{"--diff", exitOK, "-a=1\n+  a = 1\n"},
		{"-diff", exitOK, "-a=1\n+  a = 1\n"},
		{"--check --diff", exitFailed, "-a=1\n+  a = 1\n"},
	} {
		code, out, errs := ask(t, "", append([]string{"fmt", dir}, strings.Fields(c.flags)...)...)
		if code != c.code || !strings.Contains(out, c.want) || errs != "" {
			t.Errorf("%s: code %d, %q, %q", c.flags, code, out, errs)
		}
	}
	if got := contentOf(t, path); got != unformatted {
		t.Errorf("the file is now %q", got)
	}
	if code, out, _ := ask(t, "", "fmt", "--check", filepath.Join(dir, ".tutti", "b.hcl")); code != exitOK || out != "" {
		t.Errorf("a file that is right: code %d, %q", code, out)
	}
}

func TestFmtLeavesWrongFilesAndGoesOn(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/a.hcl": "locals {\na=\n", ".tutti/b.hcl": unformatted})
	if err := os.Symlink("b.hcl", filepath.Join(dir, ".tutti", "link.hcl")); err != nil {
		t.Fatal(err)
	}
	code, out, errs := ask(t, "", "fmt", dir)
	if code != exitFailed || !strings.HasSuffix(out, "b.hcl\n") || !strings.Contains(errs, "error[E102]") || !strings.Contains(errs, "link.hcl is a link") {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
	if got := contentOf(t, filepath.Join(dir, ".tutti", "a.hcl")); got != "locals {\na=\n" {
		t.Errorf("the wrong file is now %q", got)
	}
}

func TestFmtOfTheStandardInput(t *testing.T) {
	for _, c := range []struct {
		in, flag string
		code     int
		want     string
	}{
		{unformatted, "", exitOK, "locals {\n  a = 1\n}\n"},
		{unformatted, "--check", exitFailed, ""},
		{goodPipeline, "--check", exitOK, ""},
		{"a = ", "", exitFailed, ""},
	} {
		code, out, _ := ask(t, c.in, strings.Fields("fmt - "+c.flag)...)
		if code != c.code || out != c.want {
			t.Errorf("%q %s: code %d, %q", c.in, c.flag, code, out)
		}
	}
	if code, _, _ := ask(t, "", "fmt", "-", "a.hcl"); code != exitUsage {
		t.Errorf("with a file as well: code %d", code)
	}
}
