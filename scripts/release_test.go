package scripts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// release is the part of .goreleaser.yaml that we hold it to.
type release struct {
	Version int
	Before  struct{ Hooks []string }
	Builds  []struct {
		Main, Binary   string
		Env            []string
		Goos, Goarch   []string
		Flags, Ldflags []string
	}
	Archives []struct{ Formats, Files []string }
	Checksum struct {
		Algorithm string
		Disable   bool
	}
}

func readRelease(t *testing.T) release {
	t.Helper()
	data, err := os.ReadFile("../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var r release
	if err := yaml.Unmarshal(data, &r); err != nil {
		t.Fatalf("parsing .goreleaser.yaml: %v", err)
	}
	return r
}

func TestReleaseBuildsStaticBinariesForEverySystem(t *testing.T) {
	r := readRelease(t)
	if r.Version != 2 {
		t.Errorf("version %d, want 2", r.Version)
	}
	if len(r.Builds) != 1 {
		t.Fatalf("%d builds, want the one of tutti", len(r.Builds))
	}
	b := r.Builds[0]
	if b.Main != "." || b.Binary != "tutti" {
		t.Errorf("builds %s as %s, want . as tutti", b.Main, b.Binary)
	}
	if diff := cmp.Diff([]string{"linux", "darwin"}, b.Goos); diff != "" {
		t.Errorf("goos:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"amd64", "arm64"}, b.Goarch); diff != "" {
		t.Errorf("goarch:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"CGO_ENABLED=0"}, b.Env); diff != "" {
		t.Errorf("env, which makes the binaries static:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"-trimpath"}, b.Flags); diff != "" {
		t.Errorf("flags:\n%s", diff)
	}
	if len(b.Ldflags) != 1 || !strings.Contains(b.Ldflags[0], "-X main.version={{ .Version }}") {
		t.Errorf("ldflags %q do not set main.version", b.Ldflags)
	}
}

func TestReleaseHooksAndFilesExist(t *testing.T) {
	r := readRelease(t)
	if diff := cmp.Diff([]string{"scripts/build-shim"}, r.Before.Hooks); diff != "" {
		t.Errorf("hooks before the build:\n%s", diff)
	}
	paths := append([]string{}, r.Before.Hooks...)
	for _, a := range r.Archives {
		paths = append(paths, a.Files...)
	}
	for _, path := range paths {
		if _, err := os.Stat(filepath.Join("..", path)); err != nil {
			t.Errorf("the release needs %s: %v", path, err)
		}
	}
}

func TestReleaseHasArchivesAndChecksums(t *testing.T) {
	r := readRelease(t)
	if len(r.Archives) != 1 {
		t.Fatalf("%d archives, want 1", len(r.Archives))
	}
	if diff := cmp.Diff([]string{"LICENSE", "README.md"}, r.Archives[0].Files); diff != "" {
		t.Errorf("files beside the binary:\n%s", diff)
	}
	if r.Checksum.Disable || r.Checksum.Algorithm != "sha256" {
		t.Errorf("checksums are %+v, want sha256", r.Checksum)
	}
}

// TestReleaseNeedsNoSecrets holds publishing out of the file: whoever releases adds it where the credentials are.
func TestReleaseNeedsNoSecrets(t *testing.T) {
	data, err := os.ReadFile("../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{".Env.", "token", "password", "secret"} {
		if strings.Contains(strings.ToLower(string(data)), strings.ToLower(word)) {
			t.Errorf(".goreleaser.yaml mentions %q", word)
		}
	}
}
