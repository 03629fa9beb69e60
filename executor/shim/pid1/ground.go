//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/tutti-ci/tutti/executor/shim"
)

// ground is what a process can change outside of the root file system, and the agent therefore cannot see. A container
// is used again only if all of it is untouched: compared are identity, mode, owner and time of change of every file, and a
// process cannot set the latter.
type ground struct {
	scripts string
	upper   string // see shim.Hello
	single  string
	trees   []string // walked: file systems in memory
	points  []string // looked at only: mounts in which nothing can be made
	shared  []*sharedFile
}

// footing is how the ground looked at one time, sorted.
type footing []string

const maxEntries = 10_000 // of a footing; an image's are a few dozen

// survey finds out what there is. It runs before any process of the user.
func survey(scripts string) (*ground, error) {
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	g := &ground{scripts: scripts}
	for _, m := range mounts {
		if err := g.add(m); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *ground) add(m mount) error {
	switch {
	case m.point == "/":
		if g.upper = m.upper; g.upper == "" {
			g.single = "its root file system is no overlay"
		}
	case m.point == shim.Workspace, !m.writable, m.kind == "cgroup":
		// The workspace is there to be changed.
	case m.point == "/etc/hosts", m.point == "/etc/hostname", m.point == "/etc/resolv.conf":
		f, err := openShared(m.point)
		if err != nil {
			return err
		}
		g.shared = append(g.shared, f)
	case m.kind == "tmpfs", m.kind == "mqueue":
		g.trees = append(g.trees, m.point)
	case m.kind == "proc", m.kind == "devpts", m.kind == "cgroup2":
		g.points = append(g.points, m.point)
	default:
		g.single = "it mounts " + m.point
	}
	return nil
}

// outputs is the folder of outputs.
func (g *ground) outputs() string { return filepath.Join(g.scripts, filepath.Base(shim.OutputDir)) }

// makeOutputs makes the folder of outputs for a user.
func (g *ground) makeOutputs(who identity) error {
	err := os.Mkdir(g.outputs(), 0o700)
	if err == nil {
		err = os.Chown(g.outputs(), who.uid, who.gid)
	}
	if err != nil {
		return fmt.Errorf("making the folder of outputs: %w", err)
	}
	return nil
}

// removeOutputs removes the folder of outputs. It answers why the container cannot be used again if there is more in it
// than a few files: to remove a container is less trouble than to remove what may be in there.
func (g *ground) removeOutputs() error {
	const few = 1000
	info, err := os.Lstat(g.outputs())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir(): // a link would lead elsewhere
		return os.Remove(g.outputs())
	}
	folder, err := os.Open(g.outputs())
	if err != nil {
		return err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(few)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(g.outputs(), name)); err != nil {
			return err
		}
	}
	return os.Remove(g.outputs())
}

// look answers how the ground looks now, and keeps what the shared files hold, to put it back.
func (g *ground) look() (footing, error) {
	for _, f := range g.shared {
		if err := f.remember(); err != nil {
			return nil, err
		}
	}
	return g.footing()
}

func (g *ground) footing() (footing, error) {
	var now footing
	for _, tree := range g.trees {
		if err := now.walk(tree, g.outputs()); err != nil {
			return nil, err
		}
	}
	for _, point := range g.points {
		info, err := os.Lstat(point)
		if err != nil {
			return nil, err
		}
		// Not the time of change: that of a kernel's file system moves without anybody's doing.
		now = append(now, fmt.Sprintf("%s %v %s", point, info.Mode(), owner(info)))
	}
	self, err := attributes()
	if err != nil {
		return nil, err
	}
	now = append(now, self...)
	slices.Sort(now)
	return now, nil
}

// walk adds every file of one file system, but not what is in the folder of outputs: that one goes as a whole.
func (f *footing) walk(tree, except string) error {
	var device uint64
	return filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == except && entry.IsDir() {
			return filepath.SkipDir
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		if path == tree {
			device = stat.Dev
		}
		if stat.Dev != device {
			return filepath.SkipDir
		}
		if len(*f) >= maxEntries {
			return errors.New("there are too many files below " + tree)
		}
		*f = append(*f, fmt.Sprintf("%s %v %s %d %d %d.%09d", path, info.Mode(), owner(info), stat.Ino, stat.Rdev, stat.Ctim.Sec, stat.Ctim.Nsec))
		return nil
	})
}

func owner(info fs.FileInfo) string {
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", stat.Uid, stat.Gid)
}

// tidy says what changed since before, removes the script and the outputs, and puts the shared files back as they were: the containers of
// a job share them.
func (g *ground) tidy(before footing, script string) (traces string, err error) {
	if before == nil {
		traces = "nobody looked before"
	} else if now, err := g.footing(); err != nil {
		traces = err.Error() // it cannot be looked at any more, so it did change
	} else {
		traces = difference(before, now)
	}
	for _, f := range g.shared {
		changed, restoreErr := f.restore()
		if changed {
			traces = f.path + " changed"
		}
		err = errors.Join(err, restoreErr)
	}
	if left := g.removeOutputs(); left != nil {
		traces = left.Error()
	}
	if script != "" {
		if removeErr := os.Remove(script); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
			traces = removeErr.Error()
		}
	}
	return traces, err
}

// difference names the first thing that differs.
func difference(before, now footing) string {
	for _, line := range now {
		if _, found := slices.BinarySearch(before, line); !found {
			return name(line) + " changed"
		}
	}
	for _, line := range before {
		if _, found := slices.BinarySearch(now, line); !found {
			return name(line) + " is gone"
		}
	}
	return ""
}

func name(line string) string {
	name, _, _ := strings.Cut(line, " ")
	return name
}
