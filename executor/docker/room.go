package docker

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/tutti-ci/tutti/executor"
)

// A room is what one job has on Docker. Its first container anchors the network: the others join it, which is several
// times faster than to connect each one, and it stays until the room is closed.
type room struct {
	engine *Engine
	spec   executor.RoomSpec
	name   string
	labels map[string]string

	// live ends with the room: what is made for the job outlives the call that asked for it.
	live    context.Context
	stop    context.CancelCauseFunc // of live
	making  sync.WaitGroup          // all that makes or removes
	pumps   sync.WaitGroup          // those that receive from shims
	network *jobNetwork
	strays  []*jobNetwork   // that came to nothing, or too late
	leaving context.Context // ends with Leave
	leave   context.CancelCauseFunc
	renewed chan struct{} // has room for one: the lease is longer now

	// These belong to Open and then to Run, of which there is one at a time.
	first     *future[*box] // the anchor; nil as long as nobody knows an image for it
	files     *future[*os.File]
	workspace *future[struct{}] // is filled
	current   *box              // the one of the activity before
	spares    []*spare
	tidy      bool // the activities so far left their containers as they were

	unpacking bool // the workspace may have files in it; belongs to whoever fills it

	adopted map[string]*box // with those of tickets, by name; nil unless this is an adopted room. Does not change.

	mu     sync.Mutex // guards what follows
	images map[string]*future[*image]
	boxes  map[string]*box
	count  int // of boxes ever made
	closed bool
	gone   bool // nothing of it is on Docker any more
}

// newRoom answers a room in which nothing is.
func newRoom(ctx context.Context, e *Engine, spec executor.RoomSpec) *room {
	live, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	leaving, leave := context.WithCancelCause(live)
	r := &room{
		engine: e, spec: spec, live: live, stop: stop, tidy: true, leaving: leaving, leave: leave,
		name:    roomName(e.config.AgentID, spec),
		labels:  roomLabels(e.config.AgentID, spec),
		renewed: make(chan struct{}, 1),
		images:  map[string]*future[*image]{},
		boxes:   map[string]*box{},
	}
	e.enter(r)
	return r
}

// openRoom starts everything that does not need anything else, at once.
func openRoom(ctx context.Context, e *Engine, spec executor.RoomSpec) *room {
	r := newRoom(ctx, e, spec)
	for _, activity := range spec.Job.Activities {
		if activity.Image != "" && activity.Skip == "" {
			r.image(activity.Image)
		}
	}
	e.claim(r, nil)
	r.files = r.fetch()
	if first, ok := r.following(-1); ok {
		r.anchor(first)
	}
	return r
}

// image answers an image, which is asked for once a room, so that all activities of a job that name the same one get the
// same one. If it could not be had, it is asked for again.
func (r *room) image(name string) *future[*image] {
	r.mu.Lock()
	defer r.mu.Unlock()
	img := r.images[name]
	if img == nil || img.ready() && img.err != nil {
		img = begin(&r.making, func() (*image, error) { return r.engine.image(r.live, name) })
		r.images[name] = img
	}
	return img
}

// Run implements executor.Room.
func (r *room) Run(ctx context.Context, step executor.Step, out executor.Output) (executor.Exit, error) {
	ctx, end := r.untilLeft(ctx)
	defer end()
	exit, err := r.run(ctx, step, out)
	return exit, r.unlessLeft(err)
}

func (r *room) run(ctx context.Context, step executor.Step, out executor.Output) (executor.Exit, error) {
	c, err := r.take(ctx, step.Activity)
	if err != nil {
		return executor.Exit{}, err
	}
	r.current = c
	if err := r.furnished(ctx); err != nil {
		return executor.Exit{}, err
	}
	show, err := r.show(ctx, c, step, out)
	if err != nil {
		return executor.Exit{}, err
	}
	return show.run(ctx)
}

// errNoAnchor says that a container was to join the network of one that could not be made, or that ended.
var errNoAnchor = errors.New("the first container of the job is not there")
