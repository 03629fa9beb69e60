package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/tutti-ci/tutti/executor/shim"
)

// pidsLimit bounds a fork bomb; no build has needed more.
const pidsLimit = 4096

// createOnce creates a container, unless it is there already: Docker may have made it and not said so, or been asked by an
// earlier process that died. One of that name that is not as it has to be is removed.
func (r *room) createOnce(ctx context.Context, config *container.Config, host *container.HostConfig, name string) error {
	_, err := r.engine.client.ContainerCreate(ctx, config, host, nil, nil, name)
	if err == nil || full(err) {
		return err
	}
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer cancel()
	info, askErr := r.engine.client.ContainerInspect(ask, name)
	switch {
	case errdefs.IsConflict(err) && errdefs.IsNotFound(askErr):
		return fmt.Errorf("%w: %w", errInTheMaking, err)
	case askErr != nil:
		return err
	case info.Config.Labels[LabelSpec] == config.Labels[LabelSpec] && info.State.Status == container.StateCreated:
		return nil
	}
	removal := r.engine.client.ContainerRemove(ask, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if removal != nil {
		err = fmt.Errorf("%w; removing the one that is in its place: %w", err, removal)
	}
	return err
}

// specHash answers a hash of all that Docker is told of a container.
func specHash(config *container.Config, host *container.HostConfig) (string, error) {
	text, err := json.Marshal([]any{config, host})
	if err != nil {
		return "", fmt.Errorf("hashing what a container is made from: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// configuration answers what Docker is told of a container. Nothing in it is the user's but the name of the image.
func (r *room) configuration(c *box, shimPath, network string) (*container.Config, *container.HostConfig, error) {
	pids, no, atOnce := int64(pidsLimit), false, 0
	memory := r.memory()
	config := &container.Config{
		Image:      c.img.id,
		Entrypoint: []string{shim.BinaryPath},
		User:       "0:0", // the shim's; it starts the process as the image's user
		WorkingDir: "/",
		// Docker ends containers when it is restarted. The shim takes no signals, so that there is nothing to wait for.
		StopTimeout: &atOnce,
		Labels:      activityLabels(r.labels, c.activity),
		// The image's own would run in the container beside the activity.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(network),
		LogConfig:   container.LogConfig{Type: "none"},
		Init:        &no, // the shim is
		IpcMode:     container.IPCModePrivate,
		SecurityOpt: []string{"no-new-privileges"},
		CapDrop:     []string{"NET_RAW", "MKNOD", "AUDIT_WRITE"},
		Tmpfs:       map[string]string{shim.ScriptDir: "exec,nosuid,nodev,mode=1777"},
		Mounts: []mount.Mount{
			{Type: mount.TypeBind, Source: shimPath, Target: shim.BinaryPath, ReadOnly: true},
			{Type: mount.TypeBind, Source: c.dir, Target: shim.SocketDir, ReadOnly: true},
			// Docker makes the volume with the first container.
			{Type: mount.TypeVolume, Source: r.name, Target: shim.Workspace, VolumeOptions: &mount.VolumeOptions{
				NoCopy: true, Labels: r.labels,
			}},
		},
		Resources: container.Resources{
			PidsLimit:  &pids,
			Memory:     memory,
			MemorySwap: memory, // no swap beyond it
			NanoCPUs:   r.nanoCPUs(),
		},
	}
	hash, err := specHash(config, host)
	config.Labels[LabelSpec] = hash
	return config, host, err
}

// memory answers the limit of each container in bytes; 0 is none. A job may have less than the agent allows, never more.
func (r *room) memory() int64 {
	r.engine.mu.Lock()
	wanted, allowed := r.spec.Job.Memory, r.engine.memory
	r.engine.mu.Unlock()
	if wanted == 0 || allowed > 0 && allowed < wanted {
		return allowed
	}
	return wanted
}

// nanoCPUs answers the limit of each container in billionths of a processor; 0 is none. Docker refuses more than there are.
func (r *room) nanoCPUs() int64 {
	const one, least = 1e9, 1e7
	if r.spec.Job.CPU <= 0 {
		return 0
	}
	return int64(max(least, one*min(r.spec.Job.CPU, float64(runtime.NumCPU()))))
}
