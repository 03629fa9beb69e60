package scripts_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var imageAttribute = regexp.MustCompile(`(?m)^\s*image\s*=\s*"([^"$]+)"`)

// TestImagesHasAllThatTheExamplesUse holds the list of scripts/images to what the pipelines of this repository ask for.
func TestImagesHasAllThatTheExamplesUse(t *testing.T) {
	out, code := newMachine(t).execute(nil, "./images", "--list")
	if code != 0 {
		t.Fatalf("scripts/images --list: exit code %d:\n%s", code, out)
	}
	listed := map[string]bool{}
	for _, name := range strings.Fields(out) {
		listed[name] = true
	}
	found := 0
	for _, folder := range []string{"../examples", "../.tutti"} {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".hcl" {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, match := range imageAttribute.FindAllStringSubmatch(string(data), -1) {
				found++
				if !listed[match[1]] {
					t.Errorf("%s uses the image %s, which scripts/images does not have", path, match[1])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Error("no pipeline in examples/ and .tutti/ names an image")
	}
}
