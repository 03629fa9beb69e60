package docker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// spareDelay is how long an activity runs before the container of the next one is prepared, if its own may be as good:
// two containers in the making would only slow short activities down.
const spareDelay = 25 * time.Millisecond

// A room is what one job has on Docker. Its first container anchors the network: the others join it, which is several
// times faster than to connect each one, and it stays until the room is closed.
type room struct {
	engine *Engine
	spec   executor.RoomSpec
	name   string
	labels map[string]string

	stop      context.CancelCauseFunc // of what is under way
	making    sync.WaitGroup          // all that makes or removes
	pumps     sync.WaitGroup          // those that receive from shims
	images    map[string]*future[*image]
	network   *jobNetwork
	first     *future[*box]
	anchored  *future[struct{}] // Docker's word that the first container runs; may be read when first is there
	workspace *future[struct{}]

	// These belong to Run, of which there is one at a time.
	current *box   // the one of the activity before
	next    *spare // in the making, or ready
	tidy    bool   // the activities so far left their containers as they were

	mu     sync.Mutex // guards what follows
	boxes  map[string]*box
	count  int // of boxes ever made
	closed bool
}

// A spare is a container of an image that is being made, or is ready, and was not used.
type spare struct {
	*future[*box]
	image string
}

// openRoom starts everything that does not need anything else, at once.
func openRoom(ctx context.Context, e *Engine, spec executor.RoomSpec) *room {
	// What is made for the job outlives the call, and ends with the room.
	ctx, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	r := &room{
		engine: e, spec: spec, stop: stop, tidy: true,
		name:   roomName(e.config.AgentID, spec),
		labels: roomLabels(e.config.AgentID, spec),
		images: map[string]*future[*image]{},
		boxes:  map[string]*box{},
	}
	for _, activity := range spec.Job.Activities {
		if _, asked := r.images[activity.Image]; !asked {
			r.images[activity.Image] = begin(&r.making, func() (*image, error) { return e.image(ctx, activity.Image) })
		}
	}
	r.network = e.networks.take(ctx)
	r.first = begin(&r.making, func() (*box, error) { return r.makeFirst(ctx, spec.Job.Activities[0]) })
	r.next = &spare{r.first, spec.Job.Activities[0].Image}
	r.workspace = begin(&r.making, func() (struct{}, error) { return struct{}{}, r.furnish(ctx) })
	return r
}

// Run implements executor.Room.
func (r *room) Run(ctx context.Context, activity plan.Activity, out executor.Output) (executor.Exit, error) {
	c, err := r.take(ctx, activity)
	if err != nil {
		return executor.Exit{}, err
	}
	r.current = c
	if _, err := r.workspace.wait(ctx); err != nil {
		return executor.Exit{}, err
	}
	show, err := r.show(ctx, c, activity, out)
	if err != nil {
		return executor.Exit{}, err
	}
	return show.run(ctx)
}

// take answers a container that is as its image made it: the one that was prepared, else that of the activity before
// if it can be seen to be untouched, else a new one.
func (r *room) take(ctx context.Context, activity plan.Activity) (*box, error) {
	r.drop(ctx, activity.Image)
	if used := r.current; used != nil && used.image == activity.Image && (r.next == nil || !r.next.ready()) {
		err := used.clean()
		if err == nil {
			return used, nil
		}
		r.tidy = false
		r.engine.log.Debug("taking a new container", "activity", activity.Name, "because", err)
	}
	if r.next == nil {
		r.prepare(ctx, activity)
	}
	if r.current != nil {
		r.discard(ctx, r.current)
		r.current = nil
	}
	c, err := r.next.wait(ctx)
	if r.next.ready() {
		r.next = nil
	}
	return c, err
}

// prepare begins to make the container of an activity.
func (r *room) prepare(ctx context.Context, activity plan.Activity) {
	r.drop(ctx, activity.Image)
	ctx = context.WithoutCancel(ctx) // the container is the room's, not the call's
	r.next = &spare{begin(&r.making, func() (*box, error) { return r.makeNext(ctx, activity) }), activity.Image}
}

// drop gives a spare up that is not of this image: it was made for an activity that another container served after all.
func (r *room) drop(ctx context.Context, image string) {
	if r.next == nil || r.next.image == image {
		return
	}
	unused := r.next
	r.next = nil
	ctx = context.WithoutCancel(ctx)
	r.making.Go(func() {
		if c, err := unused.wait(ctx); err == nil {
			r.discard(ctx, c)
		}
	})
}

// after answers the activity that follows, and when its container should be prepared; false if there is nothing to
// prepare.
func (r *room) after(c *box, activity plan.Activity) (next plan.Activity, wait time.Duration, ok bool) {
	all := r.spec.Job.Activities
	i := slices.IndexFunc(all, func(a plan.Activity) bool { return a.Name == activity.Name }) + 1
	if i == 0 || i == len(all) {
		return next, 0, false
	}
	next = all[i]
	if r.next != nil && r.next.image == next.Image {
		return next, 0, false
	}
	if r.tidy && next.Image == c.image && c.reusable() {
		wait = spareDelay
	}
	return next, wait, true
}

// discard removes a container behind. The first one stays, for its network.
func (r *room) discard(ctx context.Context, c *box) {
	if c.anchor {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	r.making.Go(func() {
		defer cancel()
		if err := r.remove(ctx, c); err != nil {
			r.engine.log.Warn("a container is left for the end of its job", "error", err)
		}
	})
}

func (r *room) remove(ctx context.Context, c *box) error {
	if err := r.engine.remove(ctx, c); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.boxes, c.name)
	return nil
}
