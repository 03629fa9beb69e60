package main

import (
	"os"
	"strings"
	"testing"
)

// TestValidateLooksIntoLibraries has one that is there, and one that is gone.
func TestValidateLooksIntoLibraries(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	lib, _ := libraryRepo(t)
	use := "pipeline \"ci\" {\n  on \"push\" {}\n  job \"a\" {\n    activity \"x\" { use = lib.acme.stamp }\n  }\n}\n"
	dir := treeOf(t, map[string]string{".tutti/ci.hcl": use, ".tutti/lib.hcl": declare("file://"+lib, "v1")})
	if code, out, errs := ask(t, "", "lock", dir); code != exitOK {
		t.Fatalf("code %d, %s%s", code, out, errs)
	}
	if code, out, errs := ask(t, "", "validate", dir); code != exitOK || errs != "" {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
	wrong := dir + "/.tutti/ci.hcl"
	if err := os.WriteFile(wrong, []byte(strings.Replace(use, "acme.stamp", "acme.stmp", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := ask(t, "", "validate", dir); code != exitFailed || !strings.Contains(errs, `Did you mean "stamp"?`) {
		t.Errorf("a wrong name: code %d, %s%s", code, out, errs)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if err := os.RemoveAll(lib); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := ask(t, "", "validate", dir); code != exitOK || !strings.Contains(errs, "what is used of a library is not checked") {
		t.Errorf("without the library: code %d, %s%s", code, out, errs)
	}
}
