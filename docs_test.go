package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
)

// documents answers the Markdown files of the repository with their text.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		data, err := os.ReadFile(path)
		docs[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) < 5 {
		t.Fatalf("only %d Markdown files found", len(docs))
	}
	return docs
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInURL = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchors answers the names that GitHub gives to the headings of a document.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := notInURL.ReplaceAllString(strings.ToLower(m[1]), "")
		names[strings.ReplaceAll(name, " ", "-")] = true
	}
	return names
}

func TestDocumentsLinkToWhatExists(t *testing.T) {
	docs := documents(t)
	for path, text := range docs {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := filepath.Join(filepath.Dir(path), target)
			if target == "" {
				file = path
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, m[1])
			} else if anchor != "" && !anchors(docs[file])[anchor] {
				t.Errorf("%s links to %s, but %s has no such heading", path, m[1], file)
			}
		}
	}
}

var script = regexp.MustCompile(`(?:^|[\s("` + "`" + `])((?:scripts|\.ci)/[a-z][a-z._/-]*)`)

func TestDocumentsNameScriptsThatExist(t *testing.T) {
	found := 0
	for path, text := range documents(t) {
		if filepath.Dir(path) == "dsl" { // whose examples are of other repositories
			continue
		}
		for _, m := range script.FindAllStringSubmatch(text, -1) {
			found++
			if _, err := os.Stat(strings.TrimRight(m[1], ".")); err != nil {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no document names a script")
	}
}

var (
	code        = regexp.MustCompile("(?s)```(?:sh|ini)\n(.*?)```|`([^`\n]+)`")
	continued   = regexp.MustCompile(`\\\n\s*`)
	commandLine = regexp.MustCompile(`(?m)(?:^|[\s/(=])tutti ([a-z][a-z-]*)([^\n#]*)`)
	flagName    = regexp.MustCompile(`(?:^|[\s\[])--([a-z][a-z-]*)`)
)

// TestDocumentsNameCommandsThatExist holds every command line in the documents, with its flags, to the real commands.
func TestDocumentsNameCommandsThatExist(t *testing.T) {
	root, _ := newRoot(console{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	found := 0
	for path, text := range documents(t) {
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			for _, line := range commandLine.FindAllStringSubmatch(continued.ReplaceAllString(m[1]+m[2], " "), -1) {
				found++
				checkCommandLine(t, root, path, line[1], line[2])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d command lines found in the documents", found)
	}
}

func checkCommandLine(t *testing.T, root *cobra.Command, path, name, rest string) {
	t.Helper()
	cmd, _, err := root.Find(append([]string{name}, strings.Fields(rest)...))
	if err != nil || cmd == root {
		t.Errorf("%s mentions \"tutti %s%s\": there is no such command", path, name, rest)
		return
	}
	for _, m := range flagName.FindAllStringSubmatch(rest, -1) {
		if cmd.Flags().Lookup(m[1]) == nil && m[1] != "help" {
			t.Errorf("%s mentions \"tutti %s%s\": %s has no flag --%s", path, name, rest, cmd.CommandPath(), m[1])
		}
	}
}

// wholeFile is a pipeline file in a document: a block of HCL whose first line names the file.
var wholeFile = regexp.MustCompile("(?s)```hcl\n# (\\.tutti/[a-z_-]+\\.hcl)[^\n]*\n(.*?)```")

func TestDocumentsShowPipelinesThatCompile(t *testing.T) {
	found := 0
	for path, text := range documents(t) {
		for _, m := range wholeFile.FindAllStringSubmatch(text, -1) {
			found++
			if problems := dsl.Check([]dsl.File{{Name: m[1], Data: []byte(m[2])}}); len(problems) > 0 {
				var words strings.Builder
				dsl.Format(&words, problems, false)
				t.Errorf("%s shows a pipeline with mistakes:\n%s", path, words.String())
			}
		}
	}
	if found == 0 {
		t.Error("no document shows a pipeline")
	}
}
