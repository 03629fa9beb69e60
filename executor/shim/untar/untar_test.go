package untar_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor/shim/untar"
)

var asTheyAre = untar.Owner{UID: -1, GID: -1}

type file struct {
	tar.Header
	content string
}

func stream(t *testing.T, files ...file) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		f.Size = int64(len(f.content))
		if f.Mode == 0 && f.Typeflag != tar.TypeXGlobalHeader {
			f.Mode = 0o644
		}
		if err := w.WriteHeader(&f.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	when := time.Unix(1_700_000_000, 0)
	data := stream(t,
		file{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "commit"}}},
		file{Header: tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o700}},
		file{Header: tar.Header{Name: "src/deep/file", Mode: 0o600, ModTime: when}, content: "deep"},
		file{Header: tar.Header{Name: "tool", Mode: 0o4755}, content: "tool"},
		file{Header: tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "src/deep"}},
		file{Header: tar.Header{Name: "outside", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}},
		file{Header: tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "tool"}},
		file{Header: tar.Header{Name: "tool", Mode: 0o755}, content: "a later one"},
	)
	padded := append(data, make([]byte, 8192)...)
	if err := untar.Unpack(dir, bytes.NewReader(padded), asTheyAre); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"src/deep/file": "deep", "link/file": "deep", "tool": "a later one", "hard": "tool"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "src/deep/file"))
	if err != nil || info.Mode() != 0o600 || !info.ModTime().Equal(when) {
		t.Errorf("mode %v, time %v, %v", info.Mode(), info.ModTime(), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "hard")); err != nil || info.Mode() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "outside")); err != nil || target != "/etc/passwd" {
		t.Errorf("the link points at %q, %v", target, err)
	}
}

func TestUnpackErrEscapes(t *testing.T) {
	for name, files := range map[string][]file{
		"Parent":         {{Header: tar.Header{Name: "../out"}, content: "x"}},
		"ParentInMiddle": {{Header: tar.Header{Name: "a/../../out"}, content: "x"}},
		"Absolute":       {{Header: tar.Header{Name: "/tmp/out"}, content: "x"}},
		"ThroughLink": {
			{Header: tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: ".."}},
			{Header: tar.Header{Name: "a/out"}, content: "x"},
		},
		"ThroughTwoLinks": {
			{Header: tar.Header{Name: "b", Typeflag: tar.TypeSymlink, Linkname: "/"}},
			{Header: tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "b/tmp"}},
			{Header: tar.Header{Name: "a/out"}, content: "x"},
		},
		"HardLinkOut": {{Header: tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "../secret"}}},
		"HardLinkThroughLink": {
			{Header: tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: ".."}},
			{Header: tar.Header{Name: "b", Typeflag: tar.TypeLink, Linkname: "a/secret"}},
		},
		"Device": {{Header: tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "in")
			for path, make := range map[string]func() error{
				dir: func() error { return os.Mkdir(dir, 0o755) },
				"s": func() error { return os.WriteFile(filepath.Join(parent, "secret"), []byte("s"), 0o600) },
			} {
				if err := make(); err != nil {
					t.Fatal(path, err)
				}
			}
			if err := untar.Unpack(dir, bytes.NewReader(stream(t, files...)), asTheyAre); err == nil {
				t.Error("it was unpacked")
			}
			entries, err := os.ReadDir(parent)
			if err != nil || len(entries) != 2 {
				t.Errorf("beside the folder there is now %v, %v", entries, err)
			}
			if _, err := os.Lstat(filepath.Join(dir, "b")); err == nil && strings.HasPrefix(name, "HardLink") {
				t.Error("a file outside is linked to")
			}
		})
	}
}

// A link that was in the folder before is not followed out of it either.
func TestUnpackErrLinkInFolder(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	data := stream(t, file{Header: tar.Header{Name: "a/out"}, content: "x"})
	if err := untar.Unpack(dir, bytes.NewReader(data), asTheyAre); err == nil {
		t.Error("it was unpacked")
	}
	if _, err := os.Stat(filepath.Join(parent, "out")); err == nil {
		t.Error("a file was written outside")
	}
}

// Wherever a stream is cut off, that is noticed.
func TestUnpackErrCut(t *testing.T) {
	data := stream(t, file{Header: tar.Header{Name: "a"}, content: strings.Repeat("x", 700)}, file{Header: tar.Header{Name: "b"}, content: ""})
	for cut := 0; cut < len(data); cut += 256 {
		if err := untar.Unpack(t.TempDir(), bytes.NewReader(data[:cut]), asTheyAre); err == nil {
			t.Errorf("%d of %d bytes were taken for all", cut, len(data))
		}
	}
}
