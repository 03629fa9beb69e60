package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Dockerd is a Docker engine of the fault's own, in a network of its own: it may be killed, stopped and filled.
type Dockerd struct {
	*Process
	*Engine
	Root     string // its data
	execRoot string
}

// Dockerd starts an engine that has the image of the witness. The root may be a disk of the fault, or empty.
func (t *T) Dockerd(root string, flags ...string) *Dockerd {
	space := t.Space()
	if root == "" {
		root = filepath.Join(t.Dir, "docker-data")
	}
	d := &Dockerd{Root: root, execRoot: "/run/" + space.Name, Engine: newEngine(filepath.Join(t.Dir, "docker.sock"))}
	args := append(space.Enter(), "dockerd", "--data-root", root, "--exec-root", d.execRoot, "--host", "unix://"+d.Socket,
		"--pidfile", filepath.Join(t.Dir, "docker.pid"), "--default-address-pool", "base=10.128.0.0/12,size=26", "--log-level", "error")
	if !space.CanFilter() {
		args = append(args, "--iptables=false", "--ip6tables=false", "--ip-masq=false")
	}
	t.Defer(d.clean) // after the last of its processes was killed
	d.Process = t.Process("dockerd", append(args, flags...)...)
	t.Defer(d.empty) // what Docker itself can still remove
	d.Up()
	t.Must(t.MakeImage(t.Ctx, d.Engine), "making the image of the witness")
	return d
}

// Up starts the engine and waits until it answers.
func (d *Dockerd) Up() {
	if err := os.Remove(filepath.Join(d.t.Dir, "docker.pid")); err != nil && !os.IsNotExist(err) {
		d.t.Fatalf("removing a pid file: %v", err)
	}
	d.t.await("the containerd of before is gone", 20*time.Second, func() bool { return len(d.Named("containerd")) == 0 })
	// It has the number of a process that is gone, and another may have that number by now.
	if err := os.Remove(filepath.Join(d.execRoot, "containerd", "containerd.pid")); err != nil && !os.IsNotExist(err) {
		d.t.Fatalf("removing a pid file: %v", err)
	}
	d.Start()
	d.t.Until("dockerd answers", time.Minute, func() bool {
		if !d.Runs() {
			d.t.Fatalf("dockerd ended: %s", tail(d.Log, 3))
		}
		return d.Call(d.t.Ctx, "GET", "/_ping", nil, nil) == nil || d.Call(d.t.Ctx, "GET", "/version", nil, nil) == nil
	})
}

// empty ends all containers while Docker can still do it.
func (d *Dockerd) empty() {
	if !d.Runs() {
		return
	}
	d.cmdSignal(syscall.SIGCONT)
	ctx, cancel := d.t.limited(20 * time.Second)
	defer cancel()
	var all []Container
	if d.Call(ctx, "GET", "/containers/json?all=1", nil, &all) == nil {
		for _, c := range all {
			_ = d.Call(ctx, "DELETE", "/containers/"+c.ID+"?force=1&v=1", nil, nil) // else clean kills them
		}
	}
	d.cmdSignal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(15 * time.Second):
	}
}

func (d *Dockerd) cmdSignal(s syscall.Signal) { _ = d.cmd.Process.Signal(s) } // it may have ended

// PowerOff kills the engine and all that it runs, as a host that goes down does.
func (d *Dockerd) PowerOff() {
	d.Kill()
	for range 50 {
		all := d.Below()
		if len(all) == 0 {
			return
		}
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Below lists the processes that belong to the engine: containerd, its shims and what they run.
func (d *Dockerd) Below() []int {
	parents := map[int][]int{}
	var mine []int
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is right
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		line, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		parents[parentOf(pid)] = append(parents[parentOf(pid)], pid)
		if strings.Contains(string(line), d.execRoot+"/") {
			mine = append(mine, pid)
		}
	}
	for i := 0; i < len(mine); i++ {
		mine = append(mine, parents[mine[i]]...)
	}
	return mine
}

func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1]) // a number
	return parent
}

// clean kills what is left of the engine and unmounts what it mounted.
func (d *Dockerd) clean() {
	for range 50 {
		all := d.Below()
		if len(all) == 0 {
			break
		}
		for _, pid := range all {
			if pid != os.Getpid() {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	d.t.unmountBelow(d.Root)
	d.t.unmountBelow(d.execRoot)
	d.t.Check(os.RemoveAll(d.execRoot), "removing the engine's folder")
	if !d.t.isMount(d.Root) {
		d.t.Check(os.RemoveAll(d.Root), "removing the engine's data")
	}
}

// Named lists the processes below the engine that have a name, of which the kernel keeps 15 characters.
func (d *Dockerd) Named(name string) []int {
	var pids []int
	for _, pid := range d.Below() {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err == nil && strings.TrimSpace(string(comm)) == name[:min(len(name), 15)] {
			pids = append(pids, pid)
		}
	}
	return pids
}
