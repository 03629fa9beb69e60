package trigger

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
)

// KeepTime starts the pipelines whose time has come, each minute until ctx ends. A moment that passed while no server was there
// is made up for once, however many there were.
func (t *Trigger) KeepTime(ctx context.Context) {
	for {
		t.fireAll(ctx)
		now := t.Now()
		timer := time.NewTimer(now.Truncate(time.Minute).Add(time.Minute).Sub(now))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (t *Trigger) fireAll(ctx context.Context) {
	t.eachProject(ctx, func(project string) {
		if _, err := t.Fire(ctx, project); err != nil && ctx.Err() == nil {
			t.Log.Warn("schedules cannot be kept", "project", project, "error", err)
		}
	})
}

// Fire starts the pipelines of a project whose time has come, on the last commit of its main branch that was seen.
func (t *Trigger) Fire(ctx context.Context, project string) ([]server.Run, error) {
	p, err := t.Store.Project(ctx, project)
	if err != nil {
		return nil, err
	}
	c, err := t.clock(ctx, p)
	if err != nil || c == nil {
		return nil, err
	}
	last, err := t.Store.Scheduled(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	var runs []server.Run
	var errs []error
	for _, s := range c.schedules {
		f, starts, err := t.due(p.Name, s, last)
		if err != nil || f.At.IsZero() {
			errs = append(errs, err)
			continue
		}
		started, err := t.fire(ctx, p, c, f, starts)
		runs, errs = append(runs, started...), append(errs, unlessDone(err))
	}
	return runs, errors.Join(errs...)
}

// due answers the moment of a schedule that has to be stored now, if any, and whether it starts a run: it does not for a
// schedule that is seen first.
func (t *Trigger) due(project string, s server.Schedule, last map[server.Schedule]time.Time) (f server.Firing, starts bool, err error) {
	now := t.Now()
	f = server.Firing{Project: project, Schedule: s}
	from, seen := last[s]
	if !seen {
		f.At = now
		return f, false, nil
	}
	f.At, err = lastMoment(dsl.Schedule{Cron: s.Cron, Timezone: s.Timezone}, from, now)
	return f, true, err
}

// lastMoment answers the last moment of a schedule after one time and not after another; zero if there is none. It looks at
// the last hour first, then the last day and so on, since a schedule of each minute has many moments in a year.
func lastMoment(s dsl.Schedule, after, until time.Time) (time.Time, error) {
	const day = 24 * time.Hour
	var found time.Time
	for _, back := range []time.Duration{time.Hour, day, 31 * day, 366 * day, until.Sub(after)} {
		from := until.Add(-back)
		if from.Before(after) {
			from = after
		}
		for next := from; ; found = next {
			var err error
			if next, err = s.Next(next); err != nil {
				return found, err
			}
			if next.After(until) {
				break
			}
		}
		if !found.IsZero() || from.Equal(after) {
			break
		}
	}
	return found, nil
}

// fire stores one moment, with its run.
func (t *Trigger) fire(ctx context.Context, p server.Project, c *clock, f server.Firing, starts bool) (runs []server.Run, err error) {
	if !starts {
		return t.Store.FireSchedule(ctx, f, nil)
	}
	o := &occasion{project: p, event: c.event, main: c.event.Branch, files: c.files, supplies: &supplies{}}
	o.event.Kind, o.event.Actor = dsl.KindSchedule, "schedule"
	o.event.Schedule = dsl.Schedule{Cron: f.Cron, Timezone: f.Timezone}.String()
	err = t.numbered(ctx, func(number server.RunID) error {
		made, err := t.compile(ctx, o, f.Pipeline, number)
		if err != nil {
			return err
		}
		n, err := o.planned(f.Pipeline, made, number)
		if err != nil {
			return err
		}
		runs, err = t.Store.FireSchedule(ctx, f, []server.NewRun{n})
		return err
	})
	if err == nil {
		t.Log.Info("schedule fired", "project", p.Name, "pipeline", f.Pipeline, "schedule", o.event.Schedule, "due", f.At)
	}
	return runs, err
}

// A clock is what schedules say at the head of a project's main branch.
type clock struct {
	event     server.Event // all but what started it
	files     []dsl.File
	schedules []server.Schedule
}

// clocks are those of all projects, as they were last.
type clocks struct {
	mu   sync.Mutex // guards last
	last map[string]*clock
}

func (c *clocks) get(project, commit string) *clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.last[project]; k != nil && k.event.Commit == commit {
		return k
	}
	return nil
}

func (c *clocks) set(project string, k *clock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]*clock{}
	}
	c.last[project] = k
}

// clock answers what the schedules of a project are now; nil if that cannot be said, since it has no main branch, or its files
// have mistakes. When the schedules of the commit before fired last is not forgotten then.
func (t *Trigger) clock(ctx context.Context, p server.Project) (*clock, error) {
	heads, err := t.Store.Heads(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	main, err := t.mainOf(ctx, p)
	commit := heads["refs/heads/"+main]
	if err != nil || main == "" || commit == "" {
		return nil, err
	}
	if c := t.clocks.get(p.Name, commit); c != nil {
		return c, nil
	}
	event, err := t.Forge.Resolve(ctx, p.Name, commit)
	if err != nil {
		return nil, err
	}
	event.Ref, event.Branch, event.Tag = "refs/heads/"+main, main, ""
	o := &occasion{project: p, event: event, main: main, supplies: &supplies{}}
	err = t.read(ctx, o)
	if _, ok := o.unreadable(err); ok || err == nil && len(o.files) == 0 {
		c := &clock{}
		c.event.Commit = commit
		t.clocks.set(p.Name, c)
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	return t.readClock(ctx, o)
}

// readClock has the files compiled, for no event, which starts nothing.
func (t *Trigger) readClock(ctx context.Context, o *occasion) (*clock, error) {
	made, err := t.compile(ctx, o, "", 0)
	if err != nil || made.Failed() {
		return nil, err
	}
	c := &clock{event: o.event, files: o.files}
	for _, p := range made.Pipelines {
		for _, s := range p.Schedules {
			c.schedules = append(c.schedules, server.Schedule{Pipeline: p.Name, Cron: s.Cron, Timezone: s.Timezone})
		}
	}
	t.clocks.set(o.project.Name, c)
	return c, t.Store.KeepSchedules(ctx, o.project.Name, slices.Clone(c.schedules))
}

// mains are the main branches of projects, as they were last.
type mains struct {
	mu   sync.Mutex // guards last
	last map[string]mainBranch
}

type mainBranch struct {
	name  string
	asked time.Time
}

func (m *mains) set(project, name string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last == nil {
		m.last = map[string]mainBranch{}
	}
	m.last[project] = mainBranch{name, now}
}

func (m *mains) get(project string) (mainBranch, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.last[project]
	return b, ok
}

// askAgain is how long an answer about the main branch is believed.
const askAgain = time.Hour

// mainOf answers the main branch as it was not long ago, without a question to the repository; a repository that does not answer
// keeps the one that it had.
func (t *Trigger) mainOf(ctx context.Context, p server.Project) (string, error) {
	known, ok := t.mains.get(p.Name)
	if ok && t.Now().Sub(known.asked) < askAgain {
		return known.name, nil
	}
	name, err := t.mainBranch(ctx, p)
	if err != nil && ok {
		return known.name, nil
	}
	return name, err
}
