package git_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
)

// TestArchiveIsExact commits files with every attribute that could change bytes on their way, and compares what the tar
// stream brings with what was written.
func TestArchiveIsExact(t *testing.T) {
	attributes := strings.Join([]string{
		"[attr]evil text eol=crlf",
		"* text=auto",
		"*.crlf text eol=crlf",
		"*.evil evil",
		"*.subst export-subst",
		"*.ident ident",
		"*.gone export-ignore",
		"gonedir export-ignore",
		"*.utf16 text working-tree-encoding=UTF-16LE",
		"*.filtered filter=evil",
		"*.set -text export-ignore",
	}, "\n") + "\n"
	lines := "one\ntwo $Id$ $Format:%H$\n"
	want := map[string]string{
		".gitattributes":  attributes,
		"a.crlf":          lines,
		"a.evil":          lines,
		"a.subst":         lines,
		"a.ident":         lines,
		"a.gone":          lines,
		"gonedir/x":       lines,
		"a.filtered":      lines,
		"a.set":           "mixed\r\nlines\n",
		"all bytes":       everyByte(),
		"dir/with space":  "",
		"latin1-\xfc.txt": "not UTF-8",
		"new\nline":       "x",
		"deep/" + strings.Repeat("very long name/", 12) + "x": "a path beyond what ustar holds",
	}
	r, m := newRepo(t), newMirrors(t)
	for name, text := range want {
		r.write(name, text)
	}
	r.write("run.sh", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(r.dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../etc/passwd", filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	// The owner's attributes must not change the bytes on their way in, or there would be nothing to compare with.
	if err := os.WriteFile(filepath.Join(r.dir, ".git", "info", "attributes"), []byte("* -text -filter -ident -working-tree-encoding\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	commit := r.commit("x")
	fetch(t, m, r.project())

	var out bytes.Buffer
	if err := m.Archive(t.Context(), "app", commit, &out); err != nil {
		t.Fatal(err)
	}
	got, modes, links := unpack(t, &out)
	delete(got, "run.sh")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if modes["run.sh"] != 0o755 || modes["a.gone"] != 0o644 {
		t.Errorf("modes are %o and %o, want 755 and 644", modes["run.sh"], modes["a.gone"])
	}
	if diff := cmp.Diff(map[string]string{"link": "../../etc/passwd"}, links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

func everyByte() string {
	var b strings.Builder
	for range 3 {
		for c := range 256 {
			b.WriteByte(byte(c))
		}
	}
	return b.String()
}

func unpack(t *testing.T, r io.Reader) (files map[string]string, modes map[string]int64, links map[string]string) {
	t.Helper()
	files, modes, links = make(map[string]string), make(map[string]int64), make(map[string]string)
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, modes, links
		}
		if err != nil {
			t.Fatal(err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			data, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			files[h.Name], modes[h.Name] = string(data), h.Mode&0o7777
		case tar.TypeSymlink:
			links[h.Name] = h.Linkname
		}
	}
}

// failing is a reader of the stream who goes away.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("the agent is gone") }

func TestArchiveErrors(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	r.write("x", strings.Repeat("x", 1<<20))
	commit := r.commit("x")
	fetch(t, m, r.project())
	wantKind(t, m.Archive(t.Context(), "app", strings.Repeat("0", 40), io.Discard), server.NotFound, "has no commit")
	wantKind(t, m.Archive(t.Context(), "app", "--output=/tmp/x", io.Discard), server.Invalid, "full hash")
	if err := m.Archive(t.Context(), "app", commit, failing{}); err == nil {
		t.Error("no error although nobody read the stream")
	}
}
