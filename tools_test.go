package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ask runs a command line with a standard input.
func ask(t *testing.T, in string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(t.Context(), args, console{In: strings.NewReader(in), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

// treeOf makes a working tree with these files, by their paths.
func treeOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const goodPipeline = "pipeline \"ci\" {\n  on \"push\" {}\n  job \"a\" {\n    image = \"alpine:3.20\"\n    activity \"x\" { script = \"true\" }\n  }\n}\n"
