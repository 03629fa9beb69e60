package docker

import (
	"runtime"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/tutti-ci/tutti/executor/shim"
)

// pidsLimit bounds a fork bomb; no build has needed more.
const pidsLimit = 4096

// configuration answers what Docker is told of a container. Nothing in it is the user's but the name of the image.
func (r *room) configuration(c *box, shimPath, network string) (*container.Config, *container.HostConfig) {
	pids, no := int64(pidsLimit), false
	memory := r.memory()
	config := &container.Config{
		Image:      c.img.id,
		Entrypoint: []string{shim.BinaryPath},
		User:       "0:0", // the shim's; it starts the process as the image's user
		WorkingDir: "/",
		Labels:     activityLabels(r.labels, c.activity),
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
	return config, host
}

// memory answers the limit of each container in bytes; 0 is none. A job may have less than the agent allows, never more.
func (r *room) memory() int64 {
	wanted, allowed := r.spec.Job.Memory, r.engine.config.Memory
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
