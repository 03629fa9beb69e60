package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/shim"
)

// A ticket is what an executor.Ticket holds.
type ticket struct {
	Container string `json:"container"`
	Token     string `json:"token"` // which only the shim has, beside the agent
	Network   string `json:"network"`
}

func (t ticket) write() (executor.Ticket, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("writing a ticket: %w", err)
	}
	return executor.Ticket(text), nil
}

func readTicket(t executor.Ticket) (ticket, error) {
	var read ticket
	if err := json.Unmarshal([]byte(t), &read); err != nil {
		return ticket{}, fmt.Errorf("reading the ticket %q: %w", t, err)
	}
	return read, nil
}

// Adopt implements executor.Engine: the room is made again from what Docker has, and from the tickets.
func (e *Engine) Adopt(ctx context.Context, spec executor.RoomSpec) (executor.Room, error) {
	if err := e.local(); err != nil {
		return nil, err
	}
	r := newRoom(ctx, e, spec)
	err := r.adopt(ctx)
	switch gone := (*executor.GoneError)(nil); {
	case err == nil && len(spec.Tickets) == 0:
		r.stop(errClosed)
		return e.Open(ctx, spec)
	case errors.As(err, &gone):
		if err := e.removeLeft(ctx, r); err != nil {
			e.log.Warn("what is left of a job stays for a sweep", "error", err)
		}
		e.leave(r)
		r.stop(errClosed)
		return nil, gone
	case err != nil:
		r.Leave() // it may be adopted yet; until then its job, and nobody else, knows whether it is still wanted
		e.leave(r)
		return nil, fmt.Errorf("adopting the room of %s: %w", spec.Job.Name, err)
	}
	return r, nil
}

// adopt takes what Docker has of the room. If no process of it ever began, all of it is removed.
func (r *room) adopt(ctx context.Context) error {
	if len(r.spec.Tickets) == 0 {
		return r.engine.removeLeft(ctx, r)
	}
	found, err := r.engine.list(ctx, r.labelFilter())
	if err != nil {
		return err
	}
	if len(found.volumes) == 0 {
		return &executor.GoneError{Reason: "its workspace was removed from Docker by somebody"}
	}
	last, err := readTicket(r.spec.Tickets[len(r.spec.Tickets)-1])
	if err != nil {
		return err
	}
	if r.count, err = r.lastNumber(found.containers); err != nil {
		return err
	}
	r.files, r.workspace, r.unpacking = done[*os.File](nil), done(struct{}{}), true
	anchor := anchorOf(found.containers)
	if err := r.adoptNetwork(ctx, last.Network); err != nil {
		return err
	}
	r.adopted = map[string]*box{}
	for _, summary := range found.containers {
		name := strings.TrimPrefix(summary.Names[0], "/")
		if anchor != nil && summary.ID == anchor.ID || name == last.Container {
			if err := r.adoptBox(ctx, name, last); err != nil {
				return err
			}
		} else {
			r.discard(ctx, r.oldBox(name))
		}
	}
	r.current = r.adopted[last.Container]
	if anchor != nil {
		c := r.adopted[strings.TrimPrefix(anchor.Names[0], "/")]
		c.anchor = true
		r.first = begin(&r.making, func() (*box, error) {
			_, err := c.greeted.wait(r.live)
			return c, err
		})
	}
	return nil
}

func (r *room) labelFilter() filters.Args {
	args := filters.NewArgs()
	for name, value := range r.labels {
		args.Add("label", name+"="+value)
	}
	return args
}

// done answers a future that is there.
func done[T any](value T) *future[T] {
	f := &future[T]{done: make(chan struct{}), value: value}
	close(f.done)
	return f
}

// lastNumber answers the highest number of a container of this room, or of the folder of one that Docker may still be making.
func (r *room) lastNumber(containers []container.Summary) (last int, err error) {
	folders, err := os.ReadDir(r.engine.roomsDir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("listing the shims' folders: %w", err)
	}
	var names []string
	for _, c := range containers {
		names = append(names, strings.TrimPrefix(c.Names[0], "/"))
	}
	for _, f := range folders {
		names = append(names, f.Name())
	}
	for _, name := range names {
		if room, number, ok := cutNumber(name); ok && room == r.name {
			last = max(last, number)
		}
	}
	return last, nil
}

// anchorOf answers the container whose network the others have joined: the newest one with a network of its own that runs, or
// else that is there at all.
func anchorOf(containers []container.Summary) *container.Summary {
	var anchor *container.Summary
	for i, c := range containers {
		if container.NetworkMode(c.HostConfig.NetworkMode).IsContainer() {
			continue
		}
		runs := c.State == container.StateRunning
		if anchor == nil || runs && anchor.State != container.StateRunning || runs == (anchor.State == container.StateRunning) && c.Created > anchor.Created {
			anchor = &containers[i]
		}
	}
	return anchor
}

// adoptNetwork takes the job's network, or another one if somebody removed that.
func (r *room) adoptNetwork(ctx context.Context, name string) error {
	ask, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	info, err := r.engine.client.NetworkInspect(ask, name, network.InspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		r.engine.claim(r, nil)
	case err != nil:
		return fmt.Errorf("asking Docker for the job's network: %w", bare(err))
	default:
		r.engine.claim(r, &jobNetwork{name: info.Name, made: done(info.ID), heard: true})
	}
	return nil
}

// oldBox puts a container that an earlier process made on the room's list.
func (r *room) oldBox(name string) *box {
	c := &box{
		name: name, dir: filepath.Join(r.engine.roomsDir(), name),
		in: make(chan shim.Message), closed: make(chan struct{}), gone: make(chan struct{}),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.boxes[name] = c
	return c
}

// adoptBox takes a container with its shim, and begins to listen for it.
func (r *room) adoptBox(ctx context.Context, name string, last ticket) error {
	ask, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	info, err := r.engine.client.ContainerInspect(ask, name)
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("asking Docker for a container: %w", bare(err))
	}
	c := r.oldBox(name)
	r.adopted[name] = c
	if name == last.Container {
		c.token = last.Token
	}
	c.started = done(struct{}{})
	if err != nil || !info.State.Running {
		c.greeted = &future[struct{}]{done: c.started.done, err: errNotRunning}
		return nil
	}
	c.pid = info.State.Pid
	if err := c.listen(); err != nil {
		return err
	}
	c.greeted = begin(&r.making, func() (struct{}, error) {
		err := c.greetAgain(r.live)
		if err == nil {
			r.pumps.Go(c.pump)
		}
		return struct{}{}, err
	})
	return nil
}

// errNotRunning says that a container does not run any more.
var errNotRunning = errors.New("its container does not run")

// removeLeft removes what Docker has of a room.
func (e *Engine) removeLeft(ctx context.Context, r *room) error {
	found, err := e.list(ctx, r.labelFilter())
	if err != nil {
		return err
	}
	for _, c := range found.containers {
		if mode := container.NetworkMode(c.HostConfig.NetworkMode); mode.IsUserDefined() && r.network == nil {
			found.networks = append(found.networks, network.Summary{Name: string(mode), ID: string(mode)})
		}
	}
	if err := e.removeAll(ctx, found, map[string]bool{}); err != nil {
		return err
	}
	return r.removeFolders()
}

// removeFolders removes the folders of the room's sockets.
func (r *room) removeFolders() error {
	folders, err := filepath.Glob(filepath.Join(r.engine.roomsDir(), r.name+"-*"))
	for _, f := range folders {
		err = errors.Join(err, os.RemoveAll(f))
	}
	return err
}
