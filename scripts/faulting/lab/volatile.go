package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"
)

// A Volatile disk is one that can lose its power: what was not synced is gone then.
type Volatile struct {
	t     *T
	Dir   string
	image string
}

// Volatile makes a disk of so many bytes, with a journaling file system in a file.
func (t *T) Volatile(name string, size int64) *Volatile {
	v := &Volatile{t: t, Dir: filepath.Join(t.Dir, name), image: filepath.Join(t.Dir, name+".disk")}
	f, err := os.Create(v.image)
	t.Must(err, "making a disk")
	t.Must(errors.Join(f.Truncate(size), f.Close()), "making a disk")
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skipf("mkfs.ext4 is not installed")
	}
	t.sh("mkfs.ext4", "-q", v.image)
	t.Must(os.MkdirAll(v.Dir, 0o755), "making a folder")
	v.mount()
	t.Defer(func() { t.unmountBelow(v.Dir) })
	return v
}

func (v *Volatile) mount() {
	if out, err := exec.CommandContext(v.t.Ctx, "mount", "-o", "loop", v.image, v.Dir).CombinedOutput(); err != nil {
		v.t.Skipf("no disk in a file can be mounted here: %s", out)
	}
}

// The call that stops an ext4 or xfs file system at once, and the flag by which it does not even write its journal.
const (
	fsShutdown = 0x8004587d
	noLogFlush = 2
)

// LosePower drops all that was not synced. Whoever has files open there gets errors from then on; end them before Mend.
func (v *Volatile) LosePower() {
	dir, err := os.Open(v.Dir)
	v.t.Must(err, "opening a disk")
	defer dir.Close()
	flags := uint32(noLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, dir.Fd(), fsShutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		v.t.Skipf("this kernel cannot stop a file system: %v", errno)
	}
	v.t.Logf("the disk %s lost its power", filepath.Base(v.Dir))
}

// Mend mounts the disk again.
func (v *Volatile) Mend() {
	v.t.await("the disk can be unmounted", 20*time.Second, func() bool { return syscall.Unmount(v.Dir, 0) == nil })
	// A process that was given a copy of all mounts, as those of containers are for a moment, still holds the old file system.
	v.t.await("the disk is out of use", 2*time.Minute, func() bool {
		used, err := exec.CommandContext(v.t.Ctx, "losetup", "--associated", v.image).Output()
		return err == nil && len(used) == 0
	})
	v.mount()
	v.t.Logf("the disk %s is back", filepath.Base(v.Dir))
}
