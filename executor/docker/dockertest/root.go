package dockertest

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const busybox = "/bin/busybox"

// rootTar makes a root file system out of Debian's static busybox.
func rootTar(t testing.TB) []byte {
	t.Helper()
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatalf("this test makes its image of a static busybox: apt-get install busybox-static (%v)", err)
	}
	applets, err := exec.CommandContext(t.Context(), busybox, "--list").Output()
	if err != nil {
		t.Fatalf("asking busybox for its applets: %v", err)
	}
	entries := []entry{
		{tar.Header{Name: "bin/", Mode: 0o755}, ""},
		{tar.Header{Name: "etc/", Mode: 0o755}, ""},
		{tar.Header{Name: "tmp/", Mode: 0o1777}, ""},
		{tar.Header{Name: "var/", Mode: 0o755}, ""},
		{tar.Header{Name: "root/", Mode: 0o700}, ""},
		{tar.Header{Name: "home/", Mode: 0o755}, ""},
		{tar.Header{Name: "home/dev/", Mode: 0o755, Uid: 1000, Gid: 1000}, ""},
		{tar.Header{Name: "etc/passwd", Mode: 0o644}, "root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000::/home/dev:/bin/sh\n"},
		{tar.Header{Name: "etc/group", Mode: 0o644}, "root:x:0:\ndev:x:1000:\naudio:x:29:dev\n"},
		{tar.Header{Name: "bin/busybox", Mode: 0o755}, string(program)},
	}
	for _, applet := range strings.Fields(string(applets)) {
		if applet != "busybox" {
			entries = append(entries, entry{tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox", Mode: 0o777}, ""})
		}
	}
	return makeTar(t, entries)
}

type entry struct {
	header  tar.Header
	content string
}

func makeTar(t testing.TB, entries []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := e.header
		h.Size = int64(len(e.content))
		if h.Typeflag == 0 && strings.HasSuffix(h.Name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
