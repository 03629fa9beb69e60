//go:build linux

package pid1

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFindUser(t *testing.T) {
	dir := t.TempDir()
	files := accounts{passwd: filepath.Join(dir, "passwd"), group: filepath.Join(dir, "group")}
	for path, text := range map[string]string{
		files.passwd: "root:x:0:0:root:/root:/bin/sh\nbroken\ndev:x:1000:100:,,,:/home/dev:/bin/sh\n4711:x:12:12::/odd:/bin/sh\n",
		files.group:  "root:x:0:\naudio:x:29:dev,root\nusers:x:100:dev\nstaff:x:50:\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for spec, want := range map[string]identity{
		"":           {0, 0, []uint32{29}, "/root"},
		"root":       {0, 0, []uint32{29}, "/root"},
		"dev":        {1000, 100, []uint32{29, 100}, "/home/dev"},
		"1000":       {1000, 100, []uint32{29, 100}, "/home/dev"},
		"dev:staff":  {1000, 50, nil, "/home/dev"},
		"dev:77":     {1000, 77, nil, "/home/dev"},
		"4242":       {4242, 0, nil, "/"},
		"4242:staff": {4242, 50, nil, "/"},
		"4711":       {12, 12, nil, "/odd"},
	} {
		got, err := files.find(spec)
		if err != nil || got.uid != want.uid || got.gid != want.gid || got.home != want.home || !slices.Equal(got.groups, want.groups) {
			t.Errorf("%q is %+v, %v; want %+v", spec, got, err, want)
		}
	}
	for _, spec := range []string{"nobody", "dev:nogroup", "-1", ":nogroup"} {
		if got, err := files.find(spec); err == nil {
			t.Errorf("%q is %+v", spec, got)
		}
	}
}

func TestParseMount(t *testing.T) {
	for line, want := range map[string]mount{
		"72 48 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/var/lib/a\\040b/diff,workdir=/w": {"/", "overlay", true, "/var/lib/a b/diff"},
		"53 73 0:48 / /proc/acpi ro,relatime - tmpfs tmpfs ro":                                                                {"/proc/acpi", "tmpfs", false, ""},
		"90 72 8:1 /x /with\\134back rw shared:1 master:2 - ext4 /dev/sda ro":                                                 {`/with\back`, "ext4", false, ""},
	} {
		if got, err := parseMount(line); err != nil || got != want {
			t.Errorf("%q is %+v, %v", line, got, err)
		}
	}
	for _, line := range []string{"", "1 2 3", "72 48 0:39 / / rw,relatime overlay overlay rw"} {
		if got, err := parseMount(line); err == nil {
			t.Errorf("%q is %+v", line, got)
		}
	}
}

// Outside of a container the shim would end every process that it may.
func TestServeErrNotPID1(t *testing.T) {
	if err := (&Shim{Socket: "/none", Scripts: t.TempDir()}).Serve(); err == nil {
		t.Error("it serves")
	}
}

func TestFileName(t *testing.T) {
	for activity, want := range map[string]string{"unit tests": "unit tests", "a/../b": "a_.._b", "..": "script", "": "script"} {
		if got := fileName(activity); got != want {
			t.Errorf("%q goes to %q", activity, got)
		}
	}
}

func TestGroundNoticesAndRestores(t *testing.T) {
	tree, path := t.TempDir(), filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte("pristine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	shared, err := openShared(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &ground{scripts: tree, trees: []string{tree}, shared: []*sharedFile{shared}}
	before, err := g.look()
	if err != nil {
		t.Fatal(err)
	}
	if traces, err := g.tidy(before, ""); err != nil || traces != "" {
		t.Errorf("without a change: %q, %v", traces, err)
	}
	if err := os.WriteFile(path, []byte("longer than it was before\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if traces, err := g.tidy(before, ""); err != nil || traces != path+" changed" {
		t.Errorf("after a change: %q, %v", traces, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "pristine\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if err := os.WriteFile(filepath.Join(tree, "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if traces, err := g.tidy(before, ""); err != nil || traces == "" {
		t.Errorf("after a file: %q, %v", traces, err)
	}
}

// The folder of outputs is no trace, whatever is in it, as long as it is that folder. What stands in its place is one, and is
// never followed elsewhere.
func TestOutputsAreNoTrace(t *testing.T) {
	me := identity{uid: os.Getuid(), gid: os.Getgid()}
	for name, c := range map[string]struct {
		do     func(t *testing.T, dir, elsewhere string)
		traces bool
	}{
		"File": {func(t *testing.T, dir, _ string) { write(t, filepath.Join(dir, "x")) }, false},
		"Folder": {func(t *testing.T, dir, _ string) {
			if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, true},
		"Link": {func(t *testing.T, dir, elsewhere string) {
			if err := errors.Join(os.Remove(dir), os.Symlink(elsewhere, dir)); err != nil {
				t.Fatal(err)
			}
		}, true},
		"FileInItsPlace": {func(t *testing.T, dir, _ string) {
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
			write(t, dir)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			tree, elsewhere := t.TempDir(), t.TempDir()
			kept := filepath.Join(elsewhere, "kept")
			write(t, kept)
			g := &ground{scripts: tree, trees: []string{tree}}
			if err := g.makeOutputs(me); err != nil {
				t.Fatal(err)
			}
			before, err := g.look()
			if err != nil {
				t.Fatal(err)
			}
			c.do(t, g.outputs(), elsewhere)
			traces, err := g.tidy(before, "")
			if err != nil || (traces != "") != c.traces {
				t.Errorf("traces %q, %v", traces, err)
			}
			if _, err := os.Stat(kept); err != nil {
				t.Errorf("a file elsewhere: %v", err)
			}
			if _, err := os.Lstat(g.outputs()); err == nil && !c.traces {
				t.Error("the folder is still there")
			}
		})
	}
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}
