package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tutti-ci/tutti/server/durable"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	for _, text := range []string{"first of all", "second", ""} {
		if err := durable.WriteFile(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("it holds %q, %v", got, err)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("beside it there is %v, %v", left, err)
	}
}

// What cannot take its place leaves what is there, and nothing beside it.
func TestWriteFileErr(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "something"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{folder, filepath.Join(dir, "none", "file")} {
		if err := durable.WriteFile(name, nil); err == nil {
			t.Errorf("%s is written", name)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("there is %v, %v", left, err)
	}
}
