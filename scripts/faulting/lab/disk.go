package lab

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A Disk is a small one of the fault's own, in memory.
type Disk struct {
	t   *T
	Dir string
}

// Disk mounts one of so many bytes.
func (t *T) Disk(name string, size int64) *Disk {
	d := &Disk{t: t, Dir: filepath.Join(t.Dir, name)}
	t.Must(os.MkdirAll(d.Dir, 0o755), "making a folder")
	t.Must(syscall.Mount("tutti-faults", d.Dir, "tmpfs", 0, "mode=755,size="+strconv.FormatInt(size, 10)), "mounting %s", name)
	t.Defer(func() { t.unmountBelow(d.Dir) })
	t.Logf("%s is a disk of %d MiB", d.Dir, size>>20)
	return d
}

// Room is how many bytes are free.
func (d *Disk) Room() int64 {
	var s syscall.Statfs_t
	d.t.Must(syscall.Statfs(d.Dir, &s), "looking at a disk")
	return int64(s.Bavail) * s.Bsize
}

// Fill takes all the space of the disk but so much.
func (d *Disk) Fill(leave int64) {
	f, err := os.OpenFile(filepath.Join(d.Dir, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	d.t.Must(err, "filling a disk")
	defer f.Close()
	block := make([]byte, 64<<10)
	for {
		n := min(int64(len(block)), d.Room()-leave)
		if n <= 0 {
			break
		}
		if _, err := f.Write(block[:n]); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				d.t.Fatalf("filling a disk: %v", err)
			}
			break
		}
	}
	d.t.Logf("the disk %s has %d KiB left", filepath.Base(d.Dir), d.Room()>>10)
}

// Free gives back what Fill took.
func (d *Disk) Free() {
	d.t.Must(os.Remove(filepath.Join(d.Dir, "filler")), "freeing a disk")
	d.t.Logf("the disk %s has %d KiB left", filepath.Base(d.Dir), d.Room()>>10)
}

// mounts lists the mount points at and below a folder, the deepest first.
func (t *T) mounts(dir string) []string {
	table, err := os.ReadFile("/proc/self/mounts")
	t.Check(err, "reading the mounts")
	var all []string
	for _, line := range strings.Split(string(table), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && (fields[1] == dir || strings.HasPrefix(fields[1], dir+"/")) {
			all = append(all, fields[1])
		}
	}
	slices.Reverse(all)
	return all
}

func (t *T) isMount(dir string) bool { return slices.Contains(t.mounts(dir), dir) }

// unmountBelow unmounts all at and below a folder.
func (t *T) unmountBelow(dir string) {
	for _, each := range t.mounts(dir) {
		t.Check(syscall.Unmount(each, syscall.MNT_DETACH), "unmounting %s", each)
	}
}
