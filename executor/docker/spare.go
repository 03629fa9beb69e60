package docker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// spareDelay is how long an activity runs before the container of the next one is prepared, if its own may be as good:
// two containers in the making would only slow short activities down.
const spareDelay = 25 * time.Millisecond

// A spare is a container of an image that is being made, or is ready, and was not used.
type spare struct {
	*future[*box]
	image string
	index int // of the activity for which it is made
}

// take answers a container that is as its image made it: one that was prepared, else that of the activity before if it can
// be seen to be untouched, else a new one.
func (r *room) take(ctx context.Context, activity plan.Activity) (*box, error) {
	r.abandon(ctx)
	r.drop(ctx, activity)
	s := r.spareOf(activity.Image)
	if used := r.current; used != nil && used.image == activity.Image && (s == nil || !s.ready()) {
		err := used.clean()
		if err == nil {
			return used, nil
		}
		r.tidy = false
		r.engine.log.Debug("taking a new container", "activity", activity.Name, "because", err)
	}
	if s == nil {
		s = r.prepare(activity)
	}
	if r.current != nil {
		r.discard(ctx, r.current)
		r.current = nil
	}
	c, err := s.wait(ctx)
	if s.ready() {
		r.spares = slices.DeleteFunc(r.spares, func(other *spare) bool { return other == s })
	}
	if errors.Is(err, errNoAnchor) {
		return r.take(ctx, activity) // and is the anchor itself
	}
	return c, err
}

// prepare begins to make a container for an activity.
func (r *room) prepare(activity plan.Activity) *spare {
	first := r.first
	if first == nil || first.ready() && (first.err != nil || !first.value.joinable()) {
		return r.anchor(activity) // the network itself is still there
	}
	img := r.image(activity.Image)
	return r.spare(activity, begin(&r.making, func() (*box, error) { return r.makeNext(r.live, first, activity, img) }))
}

// anchor begins to make a container for an activity that the later ones can join, and to fill the workspace through it.
func (r *room) anchor(activity plan.Activity) *spare {
	img := r.image(activity.Image)
	r.first = begin(&r.making, func() (*box, error) { return r.makeFirst(r.live, activity, img) })
	r.fill()
	return r.spare(activity, r.first)
}

func (r *room) spare(activity plan.Activity, made *future[*box]) *spare {
	s := &spare{made, activity.Image, r.index(activity)}
	r.spares = append(r.spares, s)
	return s
}

func (r *room) spareOf(image string) *spare {
	for _, s := range r.spares {
		if s.image == image {
			return s
		}
	}
	return nil
}

func (r *room) index(activity plan.Activity) int {
	return slices.IndexFunc(r.spec.Job.Activities, func(a plan.Activity) bool { return a.Name == activity.Name })
}

// abandon gives up all containers if the anchor ended, which only happens if somebody killed it: they have no network any
// more. Or if Docker does not know that it runs, because it was killed itself when it had just started it.
func (r *room) abandon(ctx context.Context) {
	if r.first == nil || !r.first.ready() || r.first.err != nil || r.first.value.joinable() {
		return
	}
	for _, s := range r.spares {
		r.giveUp(ctx, s)
	}
	r.spares = nil
	if r.current != nil {
		r.discard(ctx, r.current)
		r.current = nil
	}
}

// drop gives up the spares that were made for this activity or one before it, and are of another image: another container
// served it after all, or it did not run.
func (r *room) drop(ctx context.Context, activity plan.Activity) {
	now := r.index(activity)
	r.spares = slices.DeleteFunc(r.spares, func(s *spare) bool {
		unused := s.index <= now && s.image != activity.Image
		if unused {
			r.giveUp(ctx, s)
		}
		return unused
	})
}

// giveUp removes a spare once it is made.
func (r *room) giveUp(ctx context.Context, s *spare) {
	r.making.Go(func() {
		if c, err := s.wait(r.live); err == nil {
			r.discard(ctx, c)
		}
	})
}

// following answers the first activity after the i-th one for which a container can be prepared: one whose image is known,
// and that runs if all goes well.
func (r *room) following(i int) (plan.Activity, bool) {
	for _, a := range r.spec.Job.Activities[i+1:] {
		if a.Image != "" && a.Skip == "" && a.RunOn != plan.OnFailed {
			return a, true
		}
	}
	return plan.Activity{}, false
}

// after answers for which activity a container should be prepared while this one runs, and when; false if for none.
func (r *room) after(c *box, activity plan.Activity) (next plan.Activity, wait time.Duration, ok bool) {
	i := r.index(activity)
	if i < 0 {
		return next, 0, false
	}
	if next, ok = r.following(i); !ok || r.spareOf(next.Image) != nil {
		return next, 0, false
	}
	if r.tidy && next.Image == c.image && c.reusable() {
		wait = spareDelay
	}
	return next, wait, true
}

// discard removes a container behind. The anchor stays, for its network.
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
