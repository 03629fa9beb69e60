package enginetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/executor"
)

// MissingImage is the name of an image that no engine can have: there is no registry at its place.
const MissingImage = "127.0.0.1:1/tutti-test/none:latest"

var _ executor.Engine = (*Fake)(nil)

// Fake is an engine without containers: activities are processes of this machine, in a folder of their own. It passes the
// same suite as the real one, and is for the tests of whoever uses an engine.
type Fake struct {
	Grace time.Duration // between SIGTERM and SIGKILL; 0 means 1 s
	Err   error         // what Open and Adopt answer, if set
	// Trouble is what every Run answers instead of running anything, if set.
	Trouble error
	// Machine is where the processes live; nil means one of this engine's own. Engines that are one agent's, one after the
	// other, share it.
	Machine *Machine

	mu    sync.Mutex // guards what follows
	own   Machine
	rooms map[*fakeRoom]string // those that are open, with their names
}

// Check answers that the engine can work.
func (f *Fake) Check(context.Context) error { return nil }

// Close does nothing: close the rooms before.
func (f *Fake) Close() error { return nil }

// Sweep removes what earlier agents of the machine left, but for these jobs and those whose rooms are open.
func (f *Fake) Sweep(_ context.Context, keep []executor.RoomSpec) error {
	names := map[string]bool{}
	for _, spec := range keep {
		names[nameOf(spec)] = true
	}
	f.mu.Lock()
	for _, name := range f.rooms {
		names[name] = true
	}
	f.mu.Unlock()
	return f.machine().clear(names)
}

// Open implements executor.Engine.
func (f *Fake) Open(_ context.Context, spec executor.RoomSpec) (executor.Room, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	p, err := f.machine().make(nameOf(spec))
	if err != nil {
		return nil, err
	}
	return f.room(p, spec), nil
}

// Adopt implements executor.Engine.
func (f *Fake) Adopt(ctx context.Context, spec executor.RoomSpec) (executor.Room, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	p := f.machine().find(nameOf(spec))
	switch {
	case len(spec.Tickets) == 0 && p != nil:
		if err := p.remove(); err != nil {
			return nil, fmt.Errorf("removing what was left: %w", err)
		}
		return f.Open(ctx, spec)
	case len(spec.Tickets) == 0:
		return f.Open(ctx, spec)
	case p == nil:
		return nil, &executor.GoneError{Reason: "its room was removed by somebody"}
	}
	return f.room(p, spec), nil
}

// Abandon gives all open rooms up at once, as if the agent's process had been killed.
func (f *Fake) Abandon() {
	f.mu.Lock()
	rooms := f.rooms
	f.rooms = nil
	f.mu.Unlock()
	for r := range rooms {
		r.leaves()
	}
}

func (f *Fake) machine() *Machine {
	if f.Machine != nil {
		return f.Machine
	}
	return &f.own
}

func (f *Fake) room(p *place, spec executor.RoomSpec) *fakeRoom {
	r := &fakeRoom{fake: f, spec: spec, place: p, left: make(chan struct{}), renewed: make(chan struct{}, 1)}
	r.leaves = sync.OnceFunc(func() { close(r.left) })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rooms == nil {
		f.rooms = map[*fakeRoom]string{}
	}
	f.rooms[r] = nameOf(spec)
	return r
}

// drop takes a room off the list of open ones.
func (f *Fake) drop(r *fakeRoom) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.rooms, r)
}

func nameOf(spec executor.RoomSpec) string {
	return fmt.Sprintf("%d/%s/%d", spec.Run, spec.Job.Name, spec.Epoch)
}
