//go:build linux

package dockertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

const (
	daemonLimit = 30 * time.Second
	daemonLook  = 20 * time.Millisecond
)

var errNotRunning = errors.New("the Docker engine does not run")

// A Daemon is a Docker engine of a test's own, with a containerd of its own that outlives it, as on a real host. It can be
// killed, stopped and started again. It needs root.
type Daemon struct {
	dir        string
	options    []string
	containerd *exec.Cmd
	dockerd    *exec.Cmd // nil while none runs
	ended      chan struct{}
}

// StartDaemon starts an engine that keeps all in a folder, with options of dockerd such as --live-restore. The folder must not
// be deep: paths of sockets are short. The caller closes it.
func StartDaemon(dir string, options ...string) (*Daemon, error) {
	d := &Daemon{dir: dir, options: options}
	config := fmt.Sprintf(`version = 2
root = %[1]q
state = %[2]q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = %[3]q
`, filepath.Join(dir, "containerd"), filepath.Join(dir, "run"), d.containerdSocket())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "containerd.toml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	var err error
	if d.containerd, err = d.run("containerd", "containerd", "--config", filepath.Join(dir, "containerd.toml")); err != nil {
		return nil, err
	}
	if err := d.Start(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Host answers where it listens, in the form of DOCKER_HOST.
func (d *Daemon) Host() string { return "unix://" + d.Socket() }

// Socket answers the path of its socket.
func (d *Daemon) Socket() string { return filepath.Join(d.dir, "docker.sock") }

func (d *Daemon) containerdSocket() string { return filepath.Join(d.dir, "containerd.sock") }

// Client answers a client of the engine. The caller closes it.
func (d *Daemon) Client() (*client.Client, error) {
	return client.NewClientWithOpts(client.WithHost(d.Host()), client.WithAPIVersionNegotiation())
}

// Start starts the engine again, and answers once it does.
func (d *Daemon) Start() error {
	_ = os.Remove(filepath.Join(d.dir, "docker.pid")) // of one that was killed
	arguments := append([]string{
		"--net", "--", "dockerd", "--data-root", filepath.Join(d.dir, "docker"), "--exec-root", filepath.Join(d.dir, "exec"),
		"--pidfile", filepath.Join(d.dir, "docker.pid"), "--host", d.Host(), "--bridge", "none", "--containerd", d.containerdSocket(),
	}, d.options...)
	cmd, err := d.run("dockerd", "unshare", arguments...)
	if err != nil {
		return err
	}
	d.dockerd, d.ended = cmd, make(chan struct{})
	go func() { // ends with the process, for which Kill and Stop wait
		defer close(d.ended)
		_ = cmd.Wait()
	}()
	return d.await()
}

// await waits until the engine answers.
func (d *Daemon) await() error {
	api, err := d.Client()
	if err != nil {
		return err
	}
	defer api.Close()
	for deadline := time.Now().Add(daemonLimit); ; time.Sleep(daemonLook) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := api.Ping(ctx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-d.ended:
			return fmt.Errorf("dockerd ended at once: %s", d.lastWords("dockerd"))
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("dockerd does not answer within %s: %w: %s", daemonLimit, err, d.lastWords("dockerd"))
		}
	}
}

// run starts a program whose words go into a file of its own.
func (d *Daemon) run(name, program string, arguments ...string) (*exec.Cmd, error) {
	words, err := os.OpenFile(filepath.Join(d.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer words.Close()
	cmd := exec.Command(program, arguments...)
	cmd.Stdout, cmd.Stderr = words, words
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C of the test is not for it
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return cmd, nil
}

func (d *Daemon) lastWords(name string) string {
	words, _ := os.ReadFile(filepath.Join(d.dir, name+".log"))
	return strings.TrimSpace(string(words[max(0, len(words)-500):]))
}

// Kill ends the engine with SIGKILL. What runs in its containers goes on until it is started again.
func (d *Daemon) Kill() error { return d.end(syscall.SIGKILL) }

// Stop ends the engine with SIGTERM, and waits until it has ended its containers.
func (d *Daemon) Stop() error { return d.end(syscall.SIGTERM) }

func (d *Daemon) end(signal syscall.Signal) error {
	if err := d.signal(signal); err != nil {
		return err
	}
	select {
	case <-d.ended:
		d.dockerd = nil
		return nil
	case <-time.After(daemonLimit):
		return fmt.Errorf("dockerd did not end within %s", daemonLimit)
	}
}

// Pause stops the engine with SIGSTOP: it does not answer until Resume.
func (d *Daemon) Pause() error {
	if err := d.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for deadline := time.Now().Add(daemonLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if d.paused() {
			return nil
		}
	}
	return fmt.Errorf("dockerd did not stop within %s", daemonLimit)
}

// paused says whether all threads of the engine stand still.
func (d *Daemon) paused() bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", d.dockerd.Process.Pid))
	for _, t := range threads {
		stat, _ := os.ReadFile(t) // of a thread that ended there is none
		_, after, _ := strings.Cut(string(stat), ") ")
		if after != "" && !strings.HasPrefix(after, "T") {
			return false
		}
	}
	return err == nil
}

// Resume lets it go on.
func (d *Daemon) Resume() error { return d.signal(syscall.SIGCONT) }

func (d *Daemon) signal(signal syscall.Signal) error {
	if d.dockerd == nil {
		return errNotRunning
	}
	return d.dockerd.Process.Signal(signal)
}

// Close ends the engine with all its containers, and removes its folder.
func (d *Daemon) Close() error {
	var errs []error
	if d.dockerd == nil && d.containerd != nil {
		errs = append(errs, d.Start())
	}
	if d.dockerd != nil {
		errs = append(errs, d.Resume(), d.removeContainers(), d.Stop())
	}
	if d.containerd != nil {
		errs = append(errs, d.containerd.Process.Signal(syscall.SIGTERM))
		_ = d.containerd.Wait() // its exit code does not matter
	}
	return errors.Join(append(errs, d.unmount(), os.RemoveAll(d.dir))...)
}

func (d *Daemon) removeContainers() error {
	api, err := d.Client()
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(context.Background(), daemonLimit)
	defer cancel()
	found, err := api.ContainerList(ctx, container.ListOptions{All: true})
	for _, c := range found {
		err = errors.Join(err, api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}
	return err
}

// unmount removes the mounts that the engine left in its folder, the innermost first.
func (d *Daemon) unmount() error {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return err
	}
	defer mounts.Close()
	var below []string
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && strings.HasPrefix(fields[1], d.dir+"/") {
			below = append(below, fields[1])
		}
	}
	for i := len(below) - 1; i >= 0; i-- {
		err = errors.Join(err, syscall.Unmount(below[i], syscall.MNT_DETACH))
	}
	return err
}

// Load copies an image out of another engine.
func (d *Daemon) Load(ctx context.Context, from *client.Client, image string) error {
	api, err := d.Client()
	if err != nil {
		return err
	}
	defer api.Close()
	saved, err := from.ImageSave(ctx, []string{image})
	if err != nil {
		return fmt.Errorf("copying image %s: %w", image, err)
	}
	defer saved.Close()
	loaded, err := api.ImageLoad(ctx, saved)
	if err != nil {
		return fmt.Errorf("copying image %s: %w", image, err)
	}
	defer loaded.Body.Close()
	_, err = io.Copy(io.Discard, loaded.Body)
	return err
}
