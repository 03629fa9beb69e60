package binary

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/executor/shim"
)

// The shim is built as the module that it is part of, so that its imports of itself resolve.
const (
	module  = "github.com/tutti-ci/tutti"
	folder  = "executor/shim" // in the module
	program = "./executor/shim/tutti-shim"
	goMod   = "module " + module + "\n\ngo 1.26\n"
)

// A source is one file of the shim, without the tests.
type source struct {
	path    string // below folder
	content []byte
}

func readSources() ([]source, error) {
	var sources []source
	err := fs.WalkDir(shim.Source, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := shim.Source.ReadFile(path)
		sources = append(sources, source{path, content})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading its sources: %w", err)
	}
	slices.SortFunc(sources, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return sources, nil
}

// hashSources answers what scripts/build-shim computes as well.
func hashSources(sources []source) string {
	h := sha256.New()
	for _, s := range sources {
		h.Write(s.content)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// keptPath is where a program that was built is kept for the next process of this user; without a folder of his own it is
// kept in dir, and never where somebody else could put one.
func keptPath(dir string, sources []source, arch string) string {
	if cache, err := os.UserCacheDir(); err == nil {
		dir = cache
	}
	how := sha256.Sum256(fmt.Appendf(nil, "%s %q", runtime.Version(), buildFlags()))
	return filepath.Join(dir, "tutti", "shim", hashSources(sources)+"-"+hex.EncodeToString(how[:4])+"-"+arch)
}

func buildFlags() []string {
	return []string{"-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid="}
}

// build builds the shim with the Go toolchain of this machine.
func build(ctx context.Context, sources []source, arch string) (content []byte, err error) {
	toolchain, err := findGo()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tutti-shim-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := lay(dir, sources); err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "tutti-shim")
	cmd := exec.CommandContext(ctx, toolchain, slices.Concat([]string{"build", "-o", out}, buildFlags(), []string{program})...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off",
		"GOTOOLCHAIN=local", "GO111MODULE=on", "GOEXPERIMENT=")
	if words, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building it with %s: %w: %s", toolchain, err, strings.TrimSpace(string(words)))
	}
	return os.ReadFile(out)
}

func findGo() (string, error) {
	if path, err := exec.LookPath("go"); err == nil {
		return path, nil
	}
	const usual = "/usr/local/go/bin/go"
	if _, err := os.Stat(usual); err == nil {
		return usual, nil
	}
	return "", errors.New("this tutti was built without it (releases come with it; scripts/build-shim makes it), " +
		"and there is no Go toolchain on this machine to build it now")
}

func lay(dir string, sources []source) error {
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(goMod), 0o644); err != nil {
		return err
	}
	for _, s := range sources {
		path := filepath.Join(dir, filepath.FromSlash(folder), filepath.FromSlash(s.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, s.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
