//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tutti-ci/tutti/executor/shim"
)

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// argv answers what is executed: the path of a program and its arguments. A script is written to its file.
func (p *process) argv(env []string) ([]string, error) {
	path, _ := variable(env, "PATH")
	if len(p.order.Command) > 0 {
		program, err := lookPath(p.order.Command[0], path, p.dir)
		if err != nil {
			return nil, err
		}
		return append([]string{program}, p.order.Command[1:]...), nil
	}
	if err := p.writeScript(); err != nil {
		return nil, err
	}
	switch p.order.Shell {
	case "none":
		return []string{p.script}, nil
	case "bash":
		return shell("bash", path, p.script, "-euo", "pipefail")
	default:
		return shell("sh", path, p.script, "-eu")
	}
}

func shell(name, path, script string, options ...string) ([]string, error) {
	program, err := lookPath(name, path+":/bin:/usr/bin", "/")
	if err != nil {
		return nil, &startError{127, "the image has no " + name}
	}
	return append(append([]string{program}, options...), script), nil
}

// writeScript writes the script to a file that carries the activity's name, because shells put it before their messages.
func (p *process) writeScript() error {
	p.script = filepath.Join(p.ground.scripts, fileName(p.order.Activity))
	if err := os.WriteFile(p.script, []byte(p.order.Script), 0o755); err != nil {
		return fmt.Errorf("writing the script: %w", err)
	}
	if err := os.Chmod(p.script, 0o755); err != nil { // whatever the umask was
		return fmt.Errorf("writing the script: %w", err)
	}
	return nil
}

func fileName(activity string) string {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == 0 {
			return '_'
		}
		return r
	}, activity)
	if name == "" || name == "." || name == ".." {
		return "script"
	}
	return name
}

// workdir answers where the process starts.
func (p *process) workdir() (string, error) {
	if p.order.Workdir == "" {
		return p.order.Dir, nil
	}
	if !filepath.IsLocal(p.order.Workdir) {
		return "", &startError{126, fmt.Sprintf("the workdir %q is not inside of the workspace", p.order.Workdir)}
	}
	dir := filepath.Join(p.order.Dir, p.order.Workdir)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return "", &startError{126, fmt.Sprintf("the workdir %q is not in the workspace", p.order.Workdir)}
	case err != nil:
		return "", &startError{126, fmt.Sprintf("the workdir %q cannot be entered: %v", p.order.Workdir, err)}
	case !info.IsDir():
		return "", &startError{126, fmt.Sprintf("the workdir %q is no folder", p.order.Workdir)}
	}
	return dir, nil
}

// lookPath finds a program as a shell would. dir is where relative names begin.
func lookPath(name, path, dir string) (string, error) {
	if strings.Contains(name, "/") {
		full := name
		if !filepath.IsAbs(name) {
			full = filepath.Join(dir, name)
		}
		if _, err := os.Stat(full); err != nil {
			return "", &startError{127, fmt.Sprintf("the command %s is not in the image", name)}
		}
		return full, nil
	}
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(dir, folder)
		}
		full := filepath.Join(folder, name)
		if info, err := os.Stat(full); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return full, nil
		}
	}
	return "", &startError{127, fmt.Sprintf("the command %s is not in the image (its PATH is %s)", name, path)}
}

// spawnError says in a sentence why the kernel did not start a program that is there.
func (p *process) spawnError(program string, err error) error {
	what := "the command " + program
	if program == p.script {
		what = "the script"
	}
	switch {
	case errors.Is(err, syscall.ENOENT) && program == p.script:
		return &startError{127, "the program in the script's #! line is not in the image"}
	case errors.Is(err, syscall.ENOENT):
		return &startError{127, what + " needs an interpreter or a loader that is not in the image"}
	case errors.Is(err, syscall.ENOEXEC) && program == p.script:
		return &startError{126, "the script has no #! line"}
	case errors.Is(err, syscall.ENOEXEC):
		return &startError{126, what + " is no program for this machine"}
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.E2BIG), errors.Is(err, syscall.ENOTDIR),
		errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ELOOP):
		return &startError{126, what + " cannot be executed: " + err.Error()}
	default:
		return fmt.Errorf("starting %s: %w", program, err)
	}
}

// environment answers that of the process: what was ordered, and what every process expects to find.
func (p *process) environment(who identity) []string {
	env := append([]string{}, p.order.Env...)
	add := func(name, value string) {
		if _, ok := variable(env, name); !ok {
			env = append(env, name+"="+value)
		}
	}
	add("PATH", defaultPath)
	add("HOME", who.home)
	if host, err := os.Hostname(); err == nil {
		add("HOSTNAME", host)
	}
	return append(env, shim.OutputVariable+"="+p.ground.outputs())
}

// variable answers the last value of a variable, which is the one that counts.
func variable(env []string, name string) (value string, ok bool) {
	for _, entry := range env {
		if k, v, _ := strings.Cut(entry, "="); k == name {
			value, ok = v, true
		}
	}
	return value, ok
}
