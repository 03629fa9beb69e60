package untar_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tutti-ci/tutti/executor/shim/untar"
)

// FuzzUnpack unpacks whatever bytes beside a folder that a link of the stream may lead to, and looks whether it stays empty.
func FuzzUnpack(f *testing.F) {
	whole := packed(f,
		tar.Header{Name: "a/b", Mode: 0o644}, tar.Header{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../beside"},
		tar.Header{Name: "out/x", Mode: 0o644}, tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "a/b"})
	f.Add(whole)
	f.Add(whole[:700])
	f.Add(packed(f, tar.Header{Name: "../beside/x", Mode: 0o644}))
	f.Add(packed(f, tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "../beside"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		top := t.TempDir()
		dir, beside := filepath.Join(top, "dir"), filepath.Join(top, "beside")
		for _, folder := range []string{dir, beside} {
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		_ = untar.Unpack(dir, bytes.NewReader(data), asTheyAre) // most bytes are no tar file
		count := 0
		err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, _ error) error {
			if filepath.Dir(path) == top || filepath.Dir(path) == beside {
				count++
			}
			return nil // what the stream made may not be readable
		})
		if err != nil || count != 2 {
			t.Errorf("beside the folder there are %d files instead of 2, %v", count, err)
		}
	})
}

func packed(f *testing.F, headers ...tar.Header) []byte {
	f.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	return buf.Bytes()
}
