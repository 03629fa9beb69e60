package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
)

func TestValidate(t *testing.T) {
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": goodPipeline})
	for _, path := range []string{dir, filepath.Join(dir, ".tutti"), filepath.Join(dir, ".tutti", "ci.hcl")} {
		if code, out, errs := ask(t, "", "validate", path); code != exitOK || out != "ok: 1 file with the pipeline ci\n" || errs != "" {
			t.Errorf("%s: code %d, %q, %q", path, code, out, errs)
		}
	}
	bad := treeOf(t, map[string]string{".tutti/ci.hcl": strings.Replace(goodPipeline, "image", "imgae", 1)})
	code, out, errs := ask(t, "", "validate", bad)
	if code != exitFailed || out != "" || !strings.Contains(errs, "--> .tutti/ci.hcl:4:5") || !strings.Contains(errs, `Did you mean "image"?`) {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
	code, out, errs = ask(t, "", "validate", "--json", bad)
	var told struct{ Problems []plan.Problem }
	if err := json.Unmarshal([]byte(out), &told); err != nil || code != exitFailed || errs != "" || told.Problems[0].Code != "E201" {
		t.Errorf("code %d, %v, %q, %q", code, err, out, errs)
	}
}

func TestValidateSaysWhyThereIsNothingToRead(t *testing.T) {
	outside := treeOf(t, map[string]string{"secret.hcl": goodPipeline, ".tutti/ci.hcl": goodPipeline})
	dir := treeOf(t, map[string]string{
		"none/a.txt": "", "empty/.tutti/readme.md": "", "file/.tutti": "pipeline", "folder/.tutti/ci.hcl/x": "", "link/a.txt": "", "linked/a.txt": "",
	})
	for from, to := range map[string]string{
		"link/.tutti": filepath.Join(outside, ".tutti"), "linked/.tutti/ci.hcl": filepath.Join(outside, "secret.hcl"),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, from)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{"nowhere", exitFailed, "there is no "},
		{"none", exitFailed, "no pipeline here: there is no "},
		{"empty", exitFailed, "has no .hcl file"},
		{"folder", exitFailed, "has no .hcl file"},
		{"file", exitFailed, ".tutti is a file; pipelines are .hcl files in a folder of that name"},
		{"link", exitFailed, ".tutti is a link: pipelines are not read through links"},
		{"linked", exitFailed, "ci.hcl is a link: pipelines are not read through links"},
		{"none/a.txt/x", exitFailed, "not a directory"},
	} {
		code, out, errs := ask(t, "", "validate", filepath.Join(dir, c.path))
		if code != c.code || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d, %q, %q", c.path, code, out, errs)
		}
	}
	if code, _, errs := ask(t, "", "validate", "a", "b"); code != exitUsage {
		t.Errorf("two paths: code %d, %q", code, errs)
	}
}

func TestUnreadableFiles(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": goodPipeline})
	if err := os.Chmod(filepath.Join(dir, ".tutti", "ci.hcl"), 0); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := ask(t, "", "validate", dir); code != exitFailed || !strings.Contains(errs, "ci.hcl may not be read") {
		t.Errorf("code %d, %q", code, errs)
	}
}

// TestValidateAsksForTheRelease has files that this release cannot run.
func TestValidateAsksForTheRelease(t *testing.T) {
	before := version
	t.Cleanup(func() { version = before })
	version = "1.1.0"
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": plannedPipelines + "tutti { server = \">= 1.2\" }\n"})
	for _, command := range [][]string{{"validate", dir}, {"plan", dir, "--var", "region=eu"}} {
		if code, out, errs := ask(t, "", command...); code != exitFailed || strings.Count(errs, "error[E227]") != 1 {
			t.Errorf("%v: code %d, %s%s", command, code, out, errs)
		}
	}
	version = "1.2.0"
	if code, out, errs := ask(t, "", "validate", dir); code != exitOK {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
}
