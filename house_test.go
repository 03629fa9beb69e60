package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tutti-ci/tutti/"

// mayImport says which packages of this module each folder may import, by folder and all folders below it; the longest
// folder counts. "x/..." is x and all below it. Package main alone may import everything. Tests may import more.
var mayImport = map[string][]string{
	"dsl/plan":        {},
	"dsl":             {"dsl/plan"},
	"dsl/caged":       {"dsl", "dsl/plan"},
	"dsl/layout":      {"dsl", "dsl/plan"},
	"dsl/lsp":         {"dsl", "dsl/layout", "dsl/plan"},
	"executor":        {"dsl/plan"},
	"executor/docker": {"dsl/plan", "executor", "executor/shim/..."},
	// The shim is a program of its own, built from these folders and the standard library.
	"executor/shim":       {"executor/shim/..."},
	"executor/enginetest": {"dsl/plan", "executor", "executor/shim/..."},
	"agent/wire":          {"dsl/plan"},
	// What both ends decide, without a clock, a disk or a connection. Its simulator is for tests only.
	"agent/protocol": {"dsl/plan", "agent/wire"},
	// The agent knows no HCL and no Docker.
	"agent":  {"dsl/plan", "executor", "agent/wire", "agent/protocol"},
	"server": {"dsl/plan"},
	// The adapters of the server know its nouns, and never each other.
	"server/clock":      {"server"},
	"server/durable":    {},
	"server/backup":     {"server", "server/durable"},
	"server/store":      {"server", "dsl/plan"},
	"server/queue":      {"server", "dsl/plan"},
	"server/flow":       {"server", "dsl", "dsl/plan"},
	"server/logs":       {"server", "server/durable"},
	"server/auth":       {"server", "server/durable"},
	"server/terminal":   {},
	"server/forge":      {"server", "server/durable"},
	"server/trigger":    {"server", "dsl", "dsl/plan"},
	"server/gateway":    {"server", "dsl/plan", "agent/wire", "agent/protocol"},
	"server/api":        {"server", "dsl/plan", "server/terminal"},
	"server/api/client": {"server"},
	"server/web":        {"server", "dsl/plan", "server/terminal"},
	// servertest is for tests only, and wires as main does.
	"server/servertest": {"server/...", "dsl/plan"},
	"scripts":           {"server", "server/api/client", "scripts/rawdocker"},
	// The faults talk as agents do, and never look into what they hurt.
	"scripts/faulting": {
		"dsl/plan", "server", "server/api/client", "agent/wire", "agent/wire/wiretest", "scripts/faulting/...", "scripts/rawdocker",
	},
}

// onlyHome says where alone a library may be imported, so that it can be replaced.
var onlyHome = map[string]string{
	"github.com/hashicorp/hcl":       "dsl",
	"github.com/zclconf/go-cty":      "dsl",
	"github.com/docker/docker":       "executor/docker",
	"modernc.org/sqlite":             "server/store",
	"github.com/gorilla/websocket":   "agent/wire",
	"github.com/prometheus":          "server/api",
	"github.com/spf13":               ".",
	"github.com/chromedp":            "scripts",
	"github.com/agext/levenshtein":   "dsl",
	"github.com/apparentlymart":      "dsl",
	"golang.org/x/text/unicode/norm": "dsl",
}

func TestPackagesImportOnlyWhatTheirPlaceAllows(t *testing.T) {
	seen := 0
	for file, imports := range sources(t) {
		folder := path.Dir(file)
		for _, imported := range imports {
			for library, home := range onlyHome {
				if within(imported, library) && !within(folder, home) {
					t.Errorf("%s imports %s, whose only home is %s", file, imported, home)
				}
			}
			ours, ok := strings.CutPrefix(imported, module)
			if !ok || folder == "." {
				continue
			}
			seen++
			allowed, place := allowedIn(folder)
			if place == "" {
				t.Errorf("%s is in a folder that this test does not know: say in mayImport what it may import", file)
			} else if !slices.ContainsFunc(allowed, func(a string) bool { return covers(a, ours) }) {
				t.Errorf("%s imports %s; %s may import %v", file, ours, place, allowed)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d imports were looked at: does this test still find the sources?", seen)
	}
}

// allowedIn answers what a folder may import, and by which entry of mayImport.
func allowedIn(folder string) (allowed []string, place string) {
	for p := folder; p != "."; p = path.Dir(p) {
		if allowed, ok := mayImport[p]; ok {
			return allowed, p
		}
	}
	return nil, ""
}

// covers says whether an entry of mayImport allows a package.
func covers(entry, pkg string) bool {
	tree, below := strings.CutSuffix(entry, "/...")
	return pkg == entry || below && within(pkg, tree)
}

// within says whether a path is a folder or below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// sources answers the imports of each Go file that is no test.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			files[filepath.ToSlash(name)] = append(files[filepath.ToSlash(name)], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
